// SPDX-License-Identifier: Apache-2.0
// The readings of one open window: raw while few, a summary when many.
#include "edge/window/readings.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace tributary::edge {

void WindowReadings::add_slow(int64_t time_ns, double value) {
  if (summary_ == nullptr && capacity_ < kRawMax) {
    const uint32_t larger = capacity_ == 0 ? 4 : capacity_ * 2;
    auto moved = std::make_unique_for_overwrite<stats::TimedValue[]>(larger);
    std::copy_n(raw_.get(), size_, moved.get());
    raw_ = std::move(moved);
    capacity_ = larger;
    raw_[size_++] = {time_ns, value};
    return;
  }
  if (summary_ == nullptr) {
    summary_ = std::make_unique<stats::Summary>();
    for (uint32_t i = 0; i < size_; ++i) summary_->add(raw_[i].time_ns, raw_[i].value);
    raw_.reset();
    size_ = capacity_ = 0;
  }
  summary_->add(time_ns, value);
}

void WindowReadings::encode_raw(std::vector<uint8_t>& out) const {
  CHECK(is_raw());
  out.resize(size_ * 16);
  ByteWriter writer(out);
  for (uint32_t i = 0; i < size_; ++i) {
    writer.i64(raw_[i].time_ns);
    writer.f64(raw_[i].value);
  }
}

Bytes WindowReadings::encode(stats::Summary& scratch, std::span<uint8_t> out) const {
  const stats::Summary* summary = summary_.get();
  if (summary == nullptr) {
    scratch.clear();
    for (uint32_t i = 0; i < size_; ++i) scratch.add(raw_[i].time_ns, raw_[i].value);
    summary = &scratch;
  }
  const size_t size = summary->encode(out);
  CHECK(size > 0);
  return Bytes(out).first(size);
}

}  // namespace tributary::edge
