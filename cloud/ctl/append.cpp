// SPDX-License-Identifier: Apache-2.0
// Appending by hand, see append.h.
#include "cloud/ctl/append.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace tributary::ctl {

Result<std::unique_ptr<log::Writer>> open_appender(log::LogConfig config) {
  config.retention_ms = 100LL * 366 * 86400 * 1000;
  config.retention_bytes = 1ULL << 60;
  return log::open_writer(config);
}

Status append(log::Writer& writer, log::Record record) {
  struct Settled {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Status> status;
  };
  auto settled = std::make_shared<Settled>();
  Status taken = writer.append(std::move(record), [settled](const Status& status) {
    std::lock_guard lock(settled->mutex);
    settled->status = status;
    settled->changed.notify_all();
  });
  if (!taken) return taken;
  writer.flush();
  std::unique_lock lock(settled->mutex);
  // A log in trouble keeps what it was given; who gives up is told so.
  settled->changed.wait_for(lock, std::chrono::seconds(30), [&] { return settled->status.has_value(); });
  if (!settled->status) return Error{ErrorCode::kIo, "the log did not confirm it in time: " + writer.trouble()};
  return *settled->status;
}

}  // namespace tributary::ctl
