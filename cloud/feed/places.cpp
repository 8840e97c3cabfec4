// SPDX-License-Identifier: Apache-2.0
// Places, see places.h. The file: FORMAT.md.
#include "cloud/feed/places.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "common/base/hex.h"

namespace tributary::feed {
namespace {

constexpr const char* kHead = "tributary feed places 1";

Error io(const std::string& path) { return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)}; }

}  // namespace

Result<std::map<uint32_t, FeedPosition>> read_places(const std::string& path) {
  std::map<uint32_t, FeedPosition> places;
  std::ifstream in(path);
  if (!in) {
    if (errno == ENOENT) return places;
    return io(path);
  }
  std::string line;
  if (!std::getline(in, line) || line != kHead) {
    return Error{ErrorCode::kCorrupt, path + ": found \"" + line.substr(0, 40) + "\", expected \"" + kHead + "\""};
  }
  while (std::getline(in, line)) {
    uint32_t partition = 0;
    FeedPosition place;
    int end = 0;
    if (std::sscanf(line.c_str(), "%" SCNu32 " %" SCNx64 " %" SCNu64 " %" SCNu64 "%n", &partition, &place.state_id,
                    &place.revision, &place.dead_letters, &end) != 4 ||
        static_cast<size_t>(end) != line.size()) {
      return Error{ErrorCode::kCorrupt, path + ": found \"" + line.substr(0, 80) +
                                            "\", expected a partition, a state id and two record numbers"};
    }
    places[partition] = place;
  }
  return places;
}

Status write_places(const std::string& path, const std::map<uint32_t, FeedPosition>& places) {
  std::string text = std::string(kHead) + "\n";
  for (const auto& [partition, place] : places) {
    text += std::to_string(partition) + " " + hex16(place.state_id) + " " + std::to_string(place.revision) + " " +
            std::to_string(place.dead_letters) + "\n";
  }
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return io(temporary);
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fdatasync(fd) == 0;
  if (!written) {
    const Error error = io(temporary);
    ::close(fd);
    return error;
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return io(path);
  return {};
}

}  // namespace tributary::feed
