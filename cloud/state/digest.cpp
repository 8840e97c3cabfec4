// SPDX-License-Identifier: Apache-2.0
// Hashing a state, table by table, in key order.
#include "cloud/state/digest.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "common/base/hex.h"

namespace tributary::state {
namespace {

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void text(std::string_view text) {
    const Key length = Key().u64(text.size());
    CHECK(EVP_DigestUpdate(context_.get(), length.view().data(), length.view().size()) == 1);
    CHECK(EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1);
  }
  std::string hex() {
    std::array<uint8_t, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) == 1);
    return to_hex(Bytes(bytes).first(size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string digest_of(const store::Env& env, const Tables& t) {
  Result<store::Txn> txn = env.read();
  if (!txn) return "";
  Hash hash;
  hash.text(txn->get(t.meta, "format").value_or(""));
  hash.text(txn->get(t.meta, "head").value_or(""));
  for (const TableRow& row : kTables) {
    if (row.not_hashed != nullptr) continue;
    hash.text(row.name);
    store::Cursor cursor(*txn, t.*row.table);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      hash.text(cursor.key());
      hash.text(cursor.value());
    }
  }
  return hash.hex();
}

}  // namespace tributary::state
