// SPDX-License-Identifier: Apache-2.0
// SHA-256 and randomness, see sha256.h.
#include "common/runtime/sha256.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <vector>

#include "common/base/check.h"
#include "common/base/hex.h"

namespace tributary::runtime {

std::string random_hex(size_t bytes) {
  std::vector<unsigned char> random(bytes);
  CHECK(RAND_bytes(random.data(), static_cast<int>(bytes)) == 1);  // without randomness nothing here is safe
  return to_hex(random);
}

std::string sha256_hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return to_hex(digest);
}

}  // namespace tributary::runtime
