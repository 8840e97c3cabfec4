// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an answer of another aggregator (the first byte says to what), as the head of its response,
// and as a question. What is accepted holds only canonical summaries and encodes to something that reads back the same.
#include <memory>

#include "cloud/cluster/scatter.h"
#include "cloud/cluster/wire.h"
#include "common/base/check.h"

namespace {

using namespace tributary;
using namespace tributary::cluster;

template <class Body>
void check(Bytes bytes) {
  AnswerHead head;
  std::optional<Error> error;
  Body body;
  if (!decode_answer(bytes, head, error, body) || error) return;
  const std::string again = encode_answer(head, body);
  Body read;
  CHECK(decode_answer(as_bytes(again), head, error, read));
  CHECK(encode_answer(head, read) == again);
  if constexpr (requires { body.summary; }) {
    const auto sum = std::make_unique<stats::Summary>();
    CHECK(sum->merge_encoded(as_bytes(body.summary)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  switch (data[0] % 15) {
    case 0:
      check<HeadBody>(bytes);
      break;
    case 1:
      check<MetricsBody>(bytes);
      break;
    case 2:
      check<DevicesBody>(bytes);
      break;
    case 3:
      check<GatewaysBody>(bytes);
      break;
    case 4:
      check<KnownBody>(bytes);
      break;
    case 5:
      check<SummaryBody>(bytes);
      break;
    case 6:
      check<SeriesBody>(bytes);
      break;
    case 7:
      check<NewestBody>(bytes);
      break;
    case 8:
      check<CompletenessBody>(bytes);
      break;
    case 9:
      check<ChangesBody>(bytes);
      break;
    case 10:
      check<RowsBody>(bytes);
      break;
    case 11: {
      bool broken = false;
      const auto head = parse_response_head(as_text(bytes), &broken);
      CHECK(!head || (!broken && head->head_bytes <= bytes.size() && head->body_bytes <= kAnswerBytesMax));
      break;
    }
    case 13:
      check<LastBody>(bytes);
      break;
    case 14:
      check<SystemBody>(bytes);
      break;
    default: {
      Question question;
      if (!decode(bytes, question)) break;
      Question read;
      const std::string again = encode(question);
      CHECK(decode(as_bytes(again), read));
      CHECK(encode(read) == again);
    }
  }
  return 0;
}
