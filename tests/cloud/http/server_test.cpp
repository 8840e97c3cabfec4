// SPDX-License-Identifier: Apache-2.0
// The HTTP server against clients that are hostile, slow or many.
#include "cloud/http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "cloud/http/head.h"
#include "cloud/http/problem.h"
#include "tests/cloud/http/raw_client.h"
#include "tests/cloud/http/test_server.h"

namespace tributary::http {
namespace {

TEST(HttpServer, AnswersRequestsOnOneConnectionOneAfterAnother) {
  Server server;
  RawClient client(server.port());
  for (int i = 0; i < 1000; ++i) {
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string response = client.read_response();
    ASSERT_EQ(status_of(response), 200);
    ASSERT_EQ(body_of(response), "{\"hello\":1}");
    ASSERT_NE(response.find("X-Content-Type-Options: nosniff"), std::string::npos);
  }
  EXPECT_EQ(server->stats().responses_total.at(200), 1000u);
  EXPECT_EQ(server->stats().connections_total, 1u);
}

TEST(HttpServer, AnswersRequestsThatCameInOnePiece) {
  Server server;
  RawClient client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\noneGET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET "
      "/static/a%20b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(client.read_response()), "one");
  EXPECT_EQ(body_of(client.read_response()), "{\"hello\":1}");
  EXPECT_EQ(body_of(client.read_response()), "/static/a b");
}

TEST(HttpServer, TakesARequestThatComesByteByByte) {
  Server server;
  RawClient client(server.port());
  for (char c : std::string("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\none\r\n4\r\n "
                            "two\r\n0\r\nT: x\r\n\r\n")) {
    client.send(std::string_view(&c, 1));
  }
  EXPECT_EQ(body_of(client.read_response()), "one two");
}

TEST(HttpServer, DecodesParametersAndKeepsRepeatedOnes) {
  Server server;
  const std::string body =
      body_of(ask(server.port(), "GET /params?device=a&device=b%26c&x=1+2 HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(body, "device=a;device=b&c;x=1 2;");
}

TEST(HttpServer, UnknownPathsAndMethodsAreProblems) {
  Server server;
  EXPECT_EQ(status_of(ask(server.port(), "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")), 404);
  const std::string wrong = ask(server.port(), "DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(wrong), 405);
  EXPECT_NE(wrong.find("Allow: GET, HEAD\r\n"), std::string::npos);
  EXPECT_NE(wrong.find("application/problem+json"), std::string::npos);
  const std::string head = ask(server.port(), "HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(head), 404);
}

TEST(HttpServer, HeadHasNoBody) {
  Server server;
  RawClient client(server.port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_EQ(status_of(all), 200);
  EXPECT_EQ(body_of(all), "");
}

TEST(HttpServer, BrokenRequestsAre400AndDisturbNothingElse) {
  Server server;
  RawClient well(server.port());
  const std::vector<std::string> broken = {
      "\x16\x03\x01\x02\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/9\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET hello HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2 x\r\nab\r\n0\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: a\n\r\n\r\n",
      "GET http:///hello HTTP/1.1\r\nHost: x\r\n\r\n",
      std::string("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 28)};
  for (const auto& text : broken) {
    const std::string response = ask(server.port(), text);
    EXPECT_EQ(status_of(response), 400) << text;
    EXPECT_NE(response.find("Connection: close"), std::string::npos) << text;
    well.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(status_of(well.read_response()), 200) << text;
  }
  EXPECT_EQ(status_of(ask(server.port(), "GET / HTTP/2.0\r\nHost: x\r\n\r\n")), 505);
  for (const char* method : {"PUT", "TRACE", "QUERY", "OPTIONS"}) {
    const std::string refused = ask(server.port(), std::string(method) + " /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(refused), 405) << method;
    EXPECT_NE(refused.find("\r\nAllow: "), std::string::npos) << method;
    EXPECT_NE(refused.find(std::string("\"found\":\"") + method), std::string::npos) << refused;
  }
  EXPECT_EQ(status_of(ask(server.port(), "BREW / HTTP/1.1\r\nHost: x\r\n\r\n")), 501);
  EXPECT_EQ(status_of(ask(server.port(), "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n")), 501);
  EXPECT_EQ(status_of(ask(server.port(),
                          "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na")),
            415);
  EXPECT_EQ(server->stats().refused_total.at("bad_request") + server->stats().refused_total.at("bad_chunks"),
            broken.size());
}

TEST(HttpServer, AHeaderLineOf100MegabytesIsRefusedAfter16KiB) {
  Server server;
  RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nX: ");
  const std::string block(1 << 20, 'a');
  bool taken = true;
  for (int i = 0; i < 100 && taken; ++i) taken = client.send(block);
  EXPECT_FALSE(taken);  // the server stopped reading long before
  RawClient polite(server.port());
  polite.send("GET /hello HTTP/1.1\r\nX: " + std::string(20 << 10, 'a'));
  EXPECT_EQ(status_of(polite.read_response()), 431);
  EXPECT_EQ(server->stats().refused_total.at("head_too_large"), 2u);
}

TEST(HttpServer, ThreeHundredThousandHeadersAreRefused) {
  Server server;
  RawClient client(server.port());
  std::string text = "GET /hello HTTP/1.1\r\n";
  for (int i = 0; i < 300'000; ++i) text += "a:b\r\n";
  client.send(text);
  EXPECT_EQ(status_of(client.read_response()), 431);
  std::string fits = "GET /hello HTTP/1.1\r\nHost: x\r\n", beyond = fits;
  for (int i = 0; i < 99; ++i) fits += "a: b\r\n";
  for (int i = 0; i < 100; ++i) beyond += "a: b\r\n";
  EXPECT_EQ(status_of(ask(server.port(), fits + "\r\n")), 200);
  EXPECT_EQ(status_of(ask(server.port(), beyond + "\r\n")), 431);
  EXPECT_EQ(server->stats().refused_total.at("too_many_headers"), 1u);
}

TEST(HttpServer, BodiesBeyondTheLimitAre413ChunkedOnesToo) {
  HttpConfig config;
  config.body_bytes_max = 1000;
  Server server(config);
  auto post = [&](const std::string& rest) { return ask(server.port(), "POST /echo HTTP/1.1\r\nHost: x\r\n" + rest); };
  EXPECT_EQ(status_of(post("Content-Length: 1000\r\n\r\n" + std::string(1000, 'a'))), 200);
  EXPECT_EQ(status_of(post("Content-Length: 1001\r\n\r\n" + std::string(1001, 'a'))), 413);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + std::string(1000, 'a') + "\r\n0\r\n\r\n")),
            200);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n\r\n3e9\r\n")), 413);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")), 413);
  std::string many = "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 1001; ++i) many += "1\r\na\r\n";
  const std::string refused = post(many);
  EXPECT_EQ(status_of(refused), 413);
  EXPECT_NE(refused.find("at most 1000 bytes"), std::string::npos);
  EXPECT_EQ(server->stats().refused_total.at("body_too_large"), 4u);
}

TEST(HttpServer, AnEndlessChunkExtensionIsRefused) {
  Server server;
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(64 << 10, 'e'));
  EXPECT_EQ(status_of(client.read_response()), 400);
}

TEST(HttpServer, ContinuesWhenAsked) {
  Server server;
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(client.read_response()), 100);
  client.send("body");
  EXPECT_EQ(body_of(client.read_response()), "body");
}

// Few workers at a time, and still none is waited for: handlers that hold all of them are passed by the others.
TEST(HttpServer, HandlersThatWaitForOneAnotherAreAllServedHoweverFewMayBeBusy) {
  HttpConfig config;
  config.threads = 6;
  config.busy_threads = 1;
  auto opened = HttpServer::open(config);
  ASSERT_TRUE(opened.ok());
  const auto server = std::move(opened).value();
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  bool released = false;
  server->handle("GET", "/wait", [&](const Request&) {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.wait_for(lock, std::chrono::seconds(10), [&] { return released; });
    --waiting;
    return Response{.status = released ? 200 : 500, .body = "{}"};
  });
  server->handle("GET", "/release", [&](const Request&) {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
    return Response{.body = "{}"};
  });
  server->handle("GET", "/hello", [](const Request&) { return Response{.body = "{}"}; });
  ASSERT_TRUE(server->start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(soon([&] {
    std::lock_guard lock(mutex);
    return waiting == 4;
  }));
  RawClient other(server->port());
  for (int i = 0; i < 200; ++i) {
    other.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(status_of(other.read_response()), 200);
  }
  other.send("GET /release HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(other.read_response()), 200);
  for (auto& client : clients) EXPECT_EQ(status_of(client->read_response()), 200);
  EXPECT_EQ(server->stats().waiting_requests, 0u);
}

TEST(HttpServer, StreamsNeverStarveRequestsAndAreBounded) {
  HttpConfig config;
  config.threads = 2;
  config.streams_max = 20;
  Server server(config);
  std::vector<std::unique_ptr<RawClient>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<RawClient>(server.port()));
    streams.back()->send("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    streams.back()->read_until([](const std::string& seen) { return seen.find("tick") != std::string::npos; });
    ASSERT_EQ(status_of(streams.back()->seen()), 200);
  }
  EXPECT_EQ(server->stats().streams, 20u);
  const std::string beyond = ask(server.port(), "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(beyond), 503);
  EXPECT_NE(beyond.find("Retry-After: 10"), std::string::npos);
  EXPECT_EQ(status_of(ask(server.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  streams.clear();  // clients that leave are noticed
  EXPECT_TRUE(soon([&] { return server.ended_streams == 20 && server->stats().streams == 0; }));
}

TEST(HttpServer, AStreamThatIsNotReadEnds) {
  HttpConfig config;
  config.stream_write_ms_max = 200;
  Server server(config);
  RawClient client(server.port());
  client.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(soon([&] { return server->stats().responses_total.contains(200); }));
  EXPECT_TRUE(soon([&] { return server->stats().streams == 0; }));
}

TEST(HttpServer, StopEndsStreamsAndIdleConnectionsPromptly) {
  Server server;
  RawClient idle(server.port()), stream(server.port()), half(server.port());
  stream.send("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.read_until([](const std::string& seen) { return seen.find("tick") != std::string::npos; });
  half.send("GET /he");
  const auto begin = steady_clock::now();
  server->stop();
  EXPECT_LT(steady_clock::now() - begin, milliseconds(1500));
  idle.read_to_end();
  stream.read_to_end();
  half.read_to_end();
  EXPECT_TRUE(idle.closed() && stream.closed() && half.closed());
  EXPECT_FALSE(RawClient(server.port()).closed());
}

TEST(HttpServer, TakesTheAbsoluteFormAndSaysHowLongAConnectionIsKept) {
  HttpConfig config;
  config.idle_ms_max = 45'000;
  Server server(config);
  for (const char* target : {"http://x/static/a", "HTTPS://example.org:8080/static/a?b=c"}) {
    const std::string response = ask(server.port(), std::string("GET ") + target + " HTTP/1.1\r\nHost: other\r\n\r\n");
    EXPECT_EQ(body_of(response), "/static/a") << target;
    EXPECT_NE(response.find("Keep-Alive: timeout=45,"), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(ask(server.port(), "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n")), 404);
  EXPECT_EQ(status_of(ask(server.port(), "GET http://x?device=a HTTP/1.1\r\nHost: x\r\n\r\n")), 404);
}

TEST(HttpServer, ASecondServerOnThePortIsRefused) {
  Server server;
  HttpConfig config;
  config.port = server.port();
  const auto second = HttpServer::open(config);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(std::to_string(config.port)), std::string::npos);
}

TEST(HttpServer, RandomBytesNeverStopIt) {
  const uint64_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  Server server;
  const std::string good =
      "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    RawClient client(server.port());
    std::string text = good;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int j = 0; j < changes; ++j) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 5);
          break;
        default:
          text.insert(at, 1, static_cast<char>(random()));
          break;
      }
      if (text.empty()) text = good;
    }
    client.send(text);
    ::shutdown(client.fd(), SHUT_WR);
    client.read_to_end();
  }
  EXPECT_EQ(status_of(ask(server.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")), 200) << "seed " << seed;
}

TEST(ChunkDecoder, TakesAnyNumberOfSmallChunksAndPaddedSizes) {
  std::string text, body;
  for (int i = 0; i < 50'000; ++i) text += "1;x\r\na\r\n";
  size_t used = 0;
  ChunkDecoder many(100'000);
  EXPECT_EQ(many.feed(text, body, used), ChunkDecoder::Verdict::kBad) << "extensions are bounded, all together";
  text.clear();
  body.clear();
  for (int i = 0; i < 50'000; ++i) text += "1\r\na\r\n";
  ChunkDecoder plain(100'000);
  EXPECT_EQ(plain.feed(text + "0\r\n\r\n", body, used), ChunkDecoder::Verdict::kDone);
  EXPECT_EQ(body, std::string(50'000, 'a'));
  for (const auto& [bytes, verdict] : std::vector<std::pair<std::string, ChunkDecoder::Verdict>>{
           {"1  \r\na\r\n0\r\n\r\n", ChunkDecoder::Verdict::kDone},
           {"1 ;x\r\na\r\n0 \r\n\r\n", ChunkDecoder::Verdict::kDone},
           {"1 1\r\na\r\n0\r\n\r\n", ChunkDecoder::Verdict::kBad},
           {"1\na\r\n0\r\n\r\n", ChunkDecoder::Verdict::kBad},
           {"0\r\nA: b\n\r\n", ChunkDecoder::Verdict::kBad},
           {"0\r\nA: b\rc\r\n\r\n", ChunkDecoder::Verdict::kBad},
           {"0\r\n\n", ChunkDecoder::Verdict::kBad}}) {
    ChunkDecoder one(100);
    body.clear();
    EXPECT_EQ(one.feed(bytes, body, used), verdict) << bytes;
  }
}

TEST(ChunkDecoder, GivesTheSameInAnyPieces) {
  const std::string text = "5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n00000000\r\nTrailer: z\r\n\r\nrest";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    ChunkDecoder decoder(100);
    std::string body, left;
    auto verdict = ChunkDecoder::Verdict::kMore;
    for (size_t at = 0; at < text.size(); at += piece) {
      const std::string_view part = std::string_view(text).substr(at, piece);
      size_t used = 0;
      if (verdict == ChunkDecoder::Verdict::kMore) verdict = decoder.feed(part, body, used);
      left += part.substr(used);
    }
    EXPECT_EQ(verdict, ChunkDecoder::Verdict::kDone);
    EXPECT_EQ(body, "hello0123456789");
    EXPECT_EQ(left, "rest");
  }
}

}  // namespace
}  // namespace tributary::http
