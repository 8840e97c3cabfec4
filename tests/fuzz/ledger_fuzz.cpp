// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a ledger, and as calls to one. What is accepted encodes to the same bytes; whatever is
// called, the ledger can be read back, and no seq merges twice.
#include <set>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/ledger/receiver.h"

namespace {

using namespace tributary;

ledger::GatewayLedger through_bytes(const ledger::GatewayLedger& ledger) {
  std::vector<uint8_t> bytes;
  ledger.encode(bytes);
  auto read = ledger::GatewayLedger::decode(bytes);
  CHECK(read.has_value());
  std::vector<uint8_t> again;
  read->encode(again);
  CHECK(again == bytes);
  return std::move(*read);
}

// Small numbers, so that calls meet; now and then a huge one.
uint64_t seq_of(ByteReader& in) {
  uint8_t kind = in.u8();
  if (kind < 200) return kind % 32;
  if (kind < 240) return 1000 + in.u8();
  if (kind < 252) return in.u16();
  return in.u64();
}

void call(ledger::GatewayLedger& ledger, ByteReader& in) {
  std::set<std::pair<uint64_t, uint64_t>> merged;
  while (in.remaining() > 0) {
    uint8_t what = in.u8();
    uint64_t epoch = in.u8() % 6;
    uint64_t seq = seq_of(in);
    switch (what % 6) {
      case 0:
        ledger.open(epoch,
                    {.predecessor_epoch = in.u8() % 6u, .predecessor_last_seq = seq, .last_durable_ns = in.u8()});
        break;
      case 1:
      case 2:
        if (ledger.admit(epoch, seq, what % 2 == 0) != ledger::Verdict::kMerge) break;
        CHECK(epoch != 0 && seq != 0 && merged.insert({epoch, seq}).second);
        if (what > 250) {
          ledger.lose_at_gateway(epoch, seq);
          merged.erase({epoch, seq});
        }
        break;
      case 3:
        ledger.reject(epoch, {seq, what > 128 ? seq_of(in) : seq});
        break;
      case 4:
        ledger.claim(epoch, seq, static_cast<int8_t>(in.u8()), static_cast<int8_t>(in.u8()));
        break;
      default:
        ledger = through_bytes(ledger);
    }
    ledger.lost();
    ledger.lost_count();
  }
  through_bytes(ledger);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  if (auto read = ledger::GatewayLedger::decode(bytes)) {
    std::vector<uint8_t> again;
    read->encode(again);
    CHECK(std::vector<uint8_t>(bytes.begin(), bytes.end()) == again);
    // The second half of its own bytes as calls: a ledger from outside must survive them too.
    ByteReader in(bytes.subspan(size / 2));
    call(*read, in);
  }
  ledger::GatewayLedger fresh;
  ByteReader in(bytes);
  call(fresh, in);
  return 0;
}
