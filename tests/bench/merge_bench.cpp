// SPDX-License-Identifier: Apache-2.0
// Merging partials into rows beside bare LMDB puts of the same encoded bytes in the same batches, with the same
// (default) sync: what ledgers, names, fleet rows, changes and rolling cost. Rounds alternate; medians; ratio = rate /
// rate. LINK: tributary_query tributary_merge
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cloud/merge/writer.h"
#include "cloud/state/state.h"
#include "common/base/check.h"
#include "common/stats/summary.h"
#include "common/store/env.h"
#include "common/wire/message.h"

namespace tributary {
namespace {

constexpr size_t kBatchPartials = 1000;
constexpr int64_t kWindow = 10;

struct Shape {
  const char* name;
  int gateways, devices, metrics;  // devices of each gateway, metrics of each device
  bool late;                       // windows of days ago: straight into the materialised rows
  bool roll;                       // the clock goes with the windows, so that fresh rows are regrouped every 15 minutes
  int batches;                     // a round
};

// A batch for both sides: records for the state, keys and values for the bare table.
struct Work {
  std::vector<log::StoredRecord> records;
  std::vector<std::pair<std::string, std::string>> puts;
};

class Source {
 public:
  explicit Source(const Shape& shape) : shape_(shape), seqs_(static_cast<size_t>(shape.gateways), 1) {}

  Work next() {
    Work work;
    while (work.puts.size() < kBatchPartials) {
      for (int gateway = 0; gateway < shape_.gateways; ++gateway) message(gateway, work);
      start_s_ += kWindow;
    }
    return work;
  }

 private:
  // All windows of one gateway that closed together.
  void message(int gateway, Work& work) {
    std::vector<uint8_t> buffer(wire::kMessageBytesMax);
    wire::MessageBuilder builder(buffer);
    uint64_t& seq = seqs_[static_cast<size_t>(gateway)];
    wire::Header header;
    header.epoch = 1000 + static_cast<uint64_t>(gateway);
    header.first_seq = seq;
    header.frontier_ns = start_s_ * kNanosPerSecond;
    header.mark_ns = header.frontier_ns;
    if (seq == 1) {
      CHECK(builder.add(wire::Opening{}));
      ++seq;
    }
    uint32_t number = 0;
    for (int device = 0; device < shape_.devices; ++device) {
      for (int metric = 0; metric < shape_.metrics; ++metric) {
        wire::SeriesView series;
        const std::string device_name = "device-" + std::to_string(gateway) + "-" + std::to_string(device);
        const std::string metric_name = "metric_" + std::to_string(metric);
        series.device = device_name;
        series.metric = metric_name;
        series.labels[0] = {"unit", "°C"};
        series.label_count = 1;
        CHECK(builder.add_series(series).has_value());
        stats::Summary summary;
        std::normal_distribution<double> noise(0, 0.3);
        for (int i = 0; i < 10; ++i) {
          const double value = 20.0 + 2 * metric + noise(random_);
          summary.add((start_s_ + i) * kNanosPerSecond, std::round(value * 100) / 100);
        }
        std::vector<uint8_t> bytes(stats::kSummaryBytesMax);
        const size_t size = summary.encode(bytes);
        wire::Partial partial;
        partial.series = number++;
        partial.start_s = start_s_;
        partial.width_s = kWindow;
        partial.summary = Bytes(bytes.data(), size);
        CHECK(builder.add(partial));
        ++seq;
        const uint32_t no = static_cast<uint32_t>((gateway * shape_.devices + device) * shape_.metrics + metric);
        work.puts.emplace_back(std::string(state::fresh_key(start_s_, kWindow, no).view()),
                               std::string(as_text(partial.summary)));
      }
    }
    log::StoredRecord stored;
    stored.offset = offset_++;
    stored.record.kind = log::RecordKind::kMessage;
    stored.record.tenant = "demo";
    stored.record.gateway = "gateway-" + std::to_string(gateway);
    const int64_t clock_s = shape_.late ? kBegin + 30 * 86400 : shape_.roll ? start_s_ + 15 : kBegin + 900;
    stored.record.append_ns = clock_s * kNanosPerSecond;
    stored.record.payload = as_text(builder.finish(header));
    work.records.push_back(std::move(stored));
  }

  static constexpr int64_t kBegin = 1'700'000'100;
  Shape shape_;
  std::vector<uint64_t> seqs_;
  std::mt19937_64 random_{1};
  int64_t start_s_ = kBegin;
  uint64_t offset_ = 0;
};

double seconds(const auto& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

uint64_t rows_written(const merge::StateWriter& writer) {
  Result<store::Txn> txn = writer.state().read();
  CHECK(txn.ok());
  return txn->count(writer.state().tables().fresh);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(const Shape& shape, const std::string& folder, int rounds) {
  std::filesystem::remove_all(folder);
  merge::WriterConfig config;
  config.path = folder + "/state";
  config.max_future_s = 1LL << 40;
  if (!shape.late) {
    for (int64_t& retention : config.retention_s) retention = 100LL * 365 * 86400;
  }
  auto writer = merge::StateWriter::open(config);
  CHECK(writer.ok());
  auto env = store::Env::open({.path = folder + "/bare"});
  CHECK(env.ok());
  auto table = (*env)->table("rows");
  CHECK(table.ok());
  Source source(shape);
  std::vector<double> merge_rates, put_rates;
  uint64_t partials = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Work> work;
    uint64_t count = 0;
    for (int i = 0; i < shape.batches; ++i) {
      work.push_back(source.next());
      count += work.back().puts.size();
    }
    auto merge = [&] {
      for (const Work& batch : work) CHECK((*writer)->merge(batch.records).ok());
    };
    auto put = [&] {
      for (const Work& batch : work) {
        CHECK((*env)
                  ->write([&](store::Txn& txn) {
                    for (const auto& [key, value] : batch.puts) txn.put(*table, key, value);
                    return true;
                  })
                  .ok());
      }
    };
    // Alternating, so that a slow moment of the machine meets both.
    double merge_s = 0, put_s = 0;
    if (round % 2 == 0) merge_s = seconds(merge);
    put_s = seconds(put);
    if (round % 2 == 1) merge_s = seconds(merge);
    partials += count;
    merge_rates.push_back(static_cast<double>(count) / merge_s);
    put_rates.push_back(static_cast<double>(count) / put_s);
  }
  const double merge_rate = median(merge_rates), put_rate = median(put_rates);
  std::printf("BENCH %s ratio=%.2f ns=%.0f baseline_ns=%.0f rate=%.0f/s baseline_rate=%.0f/s", shape.name,
              merge_rate / put_rate, 1e9 / merge_rate, 1e9 / put_rate, merge_rate, put_rate);
  if (!shape.late && !shape.roll) {
    std::printf(" rows_per_partial=%.2f", static_cast<double>(rows_written(**writer)) / static_cast<double>(partials));
  }
  std::printf("\n");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  const std::string folder =
      argc > 1 ? argv[1] : (std::filesystem::temp_directory_path() / "tributary-merge-bench").string();
  const tributary::Shape shapes[] = {
      {"merge_vs_lmdb_put", 10, 5, 4, false, false, 100},
      {"merge_small_fleet_vs_lmdb_put", 1, 3, 7, false, false, 100},
      {"merge_with_rolls_vs_lmdb_put", 10, 5, 4, false, true, 100},
      {"merge_late_vs_lmdb_put", 1, 3, 7, true, false, 20},
      {"merge_late_fleet_vs_lmdb_put", 10, 5, 4, true, false, 20},
  };
  // The second argument picks one shape, for profiling.
  const std::string only = argc > 2 ? argv[2] : "";
  for (const tributary::Shape& shape : shapes) {
    if (only.empty() || only == shape.name) tributary::run(shape, folder, 7);
  }
  return 0;
}
