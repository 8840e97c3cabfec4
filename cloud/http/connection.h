// SPDX-License-Identifier: Apache-2.0
// Connection: one client's socket with what was read and not yet used, and what is to be written; non-blocking. It has
// one owner at a time: the reactor, a worker, or a stream's thread. Shows Asio: for this folder's .cpp files only.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "cloud/http/head.h"
#include "cloud/http/server.h"

namespace tributary::http {

int64_t mono_ms();

struct Connection {
  enum class Phase { kIdle, kHead, kBody, kWrite, kDrain };

  Connection(asio::ip::tcp::socket taken, std::string remote_name)
      : socket(std::move(taken)), remote(std::move(remote_name)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Reads what there is (at most 64 KiB) to the end of in. False: the client has closed or the connection broke.
  bool receive();
  // Writes what the socket takes of out. False: the connection broke. Done when out is empty.
  bool send_some();
  // Bytes that the client's machine has acknowledged, of all that was sent on this connection.
  uint64_t taken_bytes();

  // Takes one request out of in as far as it has come. kReady: head and body are whole.
  // kDenied: by admit (may be nothing), which is asked before a body is read.
  enum class Progress { kMore, kReady, kRefused, kDenied };
  Progress advance(const HttpConfig& config, int64_t now_ms, const HttpServer::Admit& admit);

  asio::ip::tcp::socket socket;
  std::string remote;
  Phase phase = Phase::kIdle;
  int64_t deadline_ms = 0;
  std::string in;
  size_t searched = 0;  // of in, without the end of a head
  Head head;
  std::string body;
  std::optional<ChunkDecoder> chunks;
  Refusal refusal;            // after kRefused
  Response denial;            // after kDenied
  bool continue_due = false;  // the client waits for "100 Continue"
  std::string out;
  size_t out_at = 0;
  uint64_t sent_bytes = 0;
  uint64_t taken_before = 0;    // taken_bytes() when the deadline was set
  int64_t out_deadline_ms = 0;  // for all of out
  bool close_after = false;     // when out is written
  uint64_t drained_bytes = 0;
  std::string payer;            // whom the body is charged to, as admit said; empty: nobody in particular
  std::string charged;          // whom buffered_bytes is charged to
  uint64_t buffered_bytes = 0;  // counted against HttpConfig::buffered_bytes_max

  // The reactor's: the list it stands in, and what of its socket is waited for.
  std::list<std::shared_ptr<Connection>>* list = nullptr;  // nothing: at a worker or a stream, or closed
  std::list<std::shared_ptr<Connection>>::iterator place;
  bool waits_read = false, waits_write = false;

 private:
  Progress refuse(Refusal why);
  Progress advance_body(const HttpConfig& config);
};

using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace tributary::http
