// SPDX-License-Identifier: Apache-2.0
// Damages a file as disks do, by a seed, and runs what may end the process in one of its own.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>

#include "common/base/check.h"

namespace tributary::test {

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// One flipped bit, a page of zeros, a page of another page's bytes, or a cut. what: which, for the test's words.
inline std::string damaged(const std::string& whole, uint64_t seed, std::string& what) {
  constexpr size_t kPage = 4096;
  std::mt19937_64 random(seed);
  std::string out = whole;
  const size_t pages = out.size() / kPage;
  const size_t page = random() % pages * kPage;
  switch (random() % 8) {
    case 0:
      out.replace(page, kPage, kPage, '\0');
      what = "page " + std::to_string(page / kPage) + " is zeros";
      break;
    case 1: {
      const size_t other = random() % pages * kPage;
      out.replace(page, kPage, whole.substr(other, kPage));
      what = "page " + std::to_string(page / kPage) + " is page " + std::to_string(other / kPage);
      break;
    }
    case 2:
      out.resize(random() % 2 == 0 ? page : random() % out.size());
      what = "cut to " + std::to_string(out.size());
      break;
    default: {
      const size_t at = random() % out.size();
      const int bit = static_cast<int>(random() % 8);
      out[at] = static_cast<char>(out[at] ^ (1 << bit));
      what = "bit " + std::to_string(bit) + " of byte " + std::to_string(at);
    }
  }
  what = "seed " + std::to_string(seed) + ": " + what;
  return out;
}

// The exit code of what runs in a process of its own; 1000 and more: the signal that ended it.
inline int outcome(const std::function<int()>& body) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace tributary::test
