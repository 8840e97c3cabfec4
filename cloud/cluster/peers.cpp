// SPDX-License-Identifier: Apache-2.0
// Peers, see peers.h.
#include "cloud/cluster/peers.h"

#include <netdb.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

namespace tributary::cluster {
namespace {

constexpr size_t kKeptMax = 32;
constexpr int kPauseMs = 20;  // between two news of one peer: what comes together is told together

int64_t mono_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string list_of(const std::vector<uint32_t>& numbers) {
  std::string text;
  for (uint32_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

}  // namespace

std::optional<PeerUrl> parse_peer_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  std::string_view rest = std::string_view(url).substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || rest.size() > 300) return std::nullopt;
  PeerUrl parsed{std::string(rest.substr(0, colon)), 0};
  const auto port = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), parsed.port);
  if (port.ec != std::errc() || port.ptr != rest.data() + rest.size() || parsed.port == 0) return std::nullopt;
  if (parsed.host.front() == '[' && parsed.host.back() == ']') {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  } else if (parsed.host.find_first_of("/@?#: \r\n") != std::string::npos) {
    return std::nullopt;
  }
  return parsed;
}

Peers::Peers(const PeersConfig& config, const Layout& layout, Parts parts)
    : config_(config), layout_(layout), parts_(std::move(parts)) {
  CHECK(config_.urls.size() == layout_.replicas);
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    peers_.push_back(nullptr);
    if (ordinal == layout_.ordinal) continue;
    auto peer = std::make_unique<Peer>();
    peer->ordinal = ordinal;
    peer->url = config_.urls[ordinal];
    const auto parsed = parse_peer_url(peer->url);
    CHECK(parsed.has_value());
    peer->parsed = *parsed;
    peer->host_port = peer->parsed.host + ":" + std::to_string(peer->parsed.port);
    peer->place.resize(layout_.count_of(ordinal));
    peers_.back() = std::move(peer);
  }
}

Peers::~Peers() {
  stop();
  for (auto& peer : peers_) {
    if (!peer) continue;
    for (int fd : peer->kept) ::close(fd);
  }
}

void Peers::start() {
  for (auto& peer : peers_) {
    if (peer) peer->thread = std::thread([this, one = peer.get()] { watch(*one); });
  }
}

void Peers::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  for (auto& peer : peers_) {
    if (peer && peer->thread.joinable()) peer->thread.join();
  }
}

// Names are looked up by the peer's own thread, because that may take long.
bool Peers::resolve(Peer& peer) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(peer.parsed.host.c_str(), std::to_string(peer.parsed.port).c_str(), &hints, &found) != 0) {
    set_state(peer, false, "unresolved");
    return false;
  }
  Address address;
  address.size = static_cast<socklen_t>(found->ai_addrlen);
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  std::lock_guard lock(mutex_);
  peer.address = address;
  return true;
}

Exchange Peers::prepare(Peer& peer, const std::string& question, int fd) const {
  Exchange exchange;
  exchange.address = *peer.address;
  exchange.request = request_head(peer.host_port, config_.secret, question.size()) + question;
  exchange.fd = fd;
  return exchange;
}

void Peers::watch(Peer& peer) {
  int fd = -1;
  Scatter scatter;
  auto pause = [&](int ms) {
    std::unique_lock lock(mutex_);
    return !woken_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopping_; });
  };
  query::AskHead question;
  bool good = true;
  do {
    // A peer that moved has another address: looked up again whenever it was away.
    if ((!good || !peer.address) && !resolve(peer)) {
      good = false;
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      question.wait_ms = peer.up ? static_cast<uint32_t>(config_.wait_ms) : 0;
      question.known = peer.place;
    }
    const int64_t begun_ms = mono_ms();
    std::vector<Exchange> one;
    one.push_back(
        prepare(peer, encode({layout_.replicas, layout_.partitions, peer.ordinal}, question), std::exchange(fd, -1)));
    scatter.ask(one, config_.timeout_ms + static_cast<int>(question.wait_ms), nullptr);
    fd = std::exchange(one.front().fd, -1);
    settle(peer, one.front(), begun_ms, true);
    if (one.front().failure.empty()) look(peer, one.front().body);
    std::lock_guard lock(mutex_);
    good = peer.up;
  } while (pause(good ? kPauseMs : config_.retry_ms));
  if (fd >= 0) ::close(fd);
}

// Keeps the connection, counts, and marks down who failed.
void Peers::settle(Peer& peer, Exchange& exchange, int64_t begun_ms, bool watching) {
  bool down = false;
  {
    std::lock_guard lock(mutex_);
    if (!watching) {
      peer.questions_total++;
      if (exchange.fd >= 0 && peer.kept.size() < kKeptMax) peer.kept.push_back(std::exchange(exchange.fd, -1));
    }
    if (!exchange.failure.empty()) {
      peer.failures_total[exchange.failure]++;
      // It answered its thread since: it is there, and this question was too much for it.
      down = watching || peer.answered_ms < begun_ms;
    }
  }
  if (!watching && exchange.fd >= 0) ::close(std::exchange(exchange.fd, -1));
  if (down) set_state(peer, false, exchange.failure);
}

// What a peer says of itself.
void Peers::look(Peer& peer, const std::string& answer) {
  AnswerHead head;
  query::AskHead::Part body;
  std::optional<Error> error;
  if (!decode_answer(as_bytes(answer), head, error, body)) {
    distrust(peer.ordinal, "bad_answer");
    return set_state(peer, false, "bad_answer");
  }
  const uint64_t own_log = parts_.log_id ? parts_.log_id() : 0;
  std::string misfit;
  if (error) {
    misfit = error->message;
  } else if (head.replicas != layout_.replicas || head.partitions != layout_.partitions ||
             head.ordinal != peer.ordinal || body.place.size() != peer.place.size()) {
    misfit = "it is ordinal " + std::to_string(head.ordinal) + " of " + std::to_string(head.replicas) + " with " +
             std::to_string(head.partitions) + " partitions, expected ordinal " + std::to_string(peer.ordinal) +
             " of " + std::to_string(layout_.replicas) + " with " + std::to_string(layout_.partitions);
  } else if (own_log != 0 && body.log_id != 0 && own_log != body.log_id) {
    misfit = "it merges another log";
  }
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    peer.misfit = misfit;
    peer.answered_ms = mono_ms();
    if (misfit.empty()) {
      news = peer.up && peer.place != body.place;
      peer.place = std::move(body.place);
    }
  }
  set_state(peer, misfit.empty(), misfit.empty() ? "up" : "mismatch");
  if (news && parts_.changed) parts_.changed();
}

void Peers::set_state(Peer& peer, bool up, const std::string& state) {
  std::string line;
  {
    std::lock_guard lock(mutex_);
    if (peer.state == state && peer.up == up) return;
    const bool was_up = peer.up;
    peer.up = up;
    peer.state = state;
    const std::string name = "aggregator " + std::to_string(peer.ordinal) + " (" + peer.url + ")";
    if (up) {
      line = name + " answers";
    } else if (!peer.misfit.empty() && state == "mismatch") {
      line = name + " does not fit into this cluster: " + peer.misfit;
    } else {
      line = name + " does not answer (" + state + "): its partitions " + list_of(layout_.partitions_of(peer.ordinal)) +
             " are missing in answers";
    }
    // Told once; then only the word why changes.
    if (!up && !was_up && state != "mismatch") line.clear();
    for (int fd : up ? std::vector<int>{} : std::exchange(peer.kept, {})) ::close(fd);
  }
  if (!line.empty() && parts_.say) parts_.say(line);
  if (parts_.changed) parts_.changed();
}

void Peers::ask(std::vector<Ask>& asks, const std::function<void()>& meanwhile) {
  std::vector<Exchange> exchanges;
  std::vector<size_t> numbers;
  std::unique_ptr<Scatter> scatter;
  const int64_t begun_ms = mono_ms();
  {
    std::lock_guard lock(mutex_);
    if (!scatters_.empty()) {
      scatter = std::move(scatters_.back());
      scatters_.pop_back();
    }
    for (size_t i = 0; i < asks.size(); ++i) {
      Peer& peer = *peers_[asks[i].ordinal];
      asks[i].answer.reset();
      asks[i].failure = peer.state;
      if (!peer.up || !peer.address) continue;
      int fd = -1;
      if (!peer.kept.empty()) {
        fd = peer.kept.back();
        peer.kept.pop_back();
      }
      exchanges.push_back(prepare(peer, asks[i].question, fd));
      numbers.push_back(i);
    }
  }
  if (!scatter) scatter = std::make_unique<Scatter>();
  scatter->ask(exchanges, config_.timeout_ms, meanwhile);
  {
    std::lock_guard lock(mutex_);
    scatters_.push_back(std::move(scatter));
  }
  for (size_t i = 0; i < exchanges.size(); ++i) {
    Ask& ask = asks[numbers[i]];
    settle(*peers_[ask.ordinal], exchanges[i], begun_ms, false);
    ask.failure = exchanges[i].failure;
    if (ask.failure.empty()) ask.answer = std::move(exchanges[i].body);
  }
}

void Peers::distrust(uint32_t ordinal, const std::string& reason) {
  Peer& peer = *peers_[ordinal];
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = peer.failures_total[reason]++ == 0;
  }
  if (first && parts_.say) {
    parts_.say("aggregator " + std::to_string(ordinal) + " (" + peer.url + ") gave an answer that cannot be used (" +
               reason + "); more of them are only counted");
  }
}

query::Place Peers::place(uint32_t ordinal) const {
  std::lock_guard lock(mutex_);
  return peers_[ordinal]->place;
}

bool Peers::up(uint32_t ordinal) const {
  std::lock_guard lock(mutex_);
  return peers_[ordinal]->up;
}

std::vector<PeerFacts> Peers::facts() const {
  std::lock_guard lock(mutex_);
  std::vector<PeerFacts> all;
  for (const auto& peer : peers_) {
    if (peer) all.push_back({peer->ordinal, peer->up, peer->state, peer->questions_total, peer->failures_total});
  }
  return all;
}

std::string Peers::trouble() const {
  std::lock_guard lock(mutex_);
  for (const auto& peer : peers_) {
    if (peer && !peer->up && peer->state == "mismatch") {
      return "aggregator " + std::to_string(peer->ordinal) + " does not fit into this cluster: " + peer->misfit;
    }
  }
  return {};
}

}  // namespace tributary::cluster
