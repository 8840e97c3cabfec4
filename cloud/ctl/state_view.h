// SPDX-License-Identifier: Apache-2.0
// One partition of an aggregator's state, looked at from outside while it may be running. Writes nothing. What is
// damaged is told as far as it can be found out; the rest is shown.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/state/records.h"
#include "cloud/state/tables.h"
#include "common/ledger/receiver.h"
#include "common/runtime/result.h"
#include "common/store/env.h"

namespace tributary::ctl {

// The folder of a partition in [state] dir.
std::string partition_dir(const std::string& dir, uint32_t partition);
// The folders of partitions in dir by their numbers, or dir itself where it is one. Only that of partition, if given.
// kNotFound says what was looked for.
Result<std::vector<std::string>> partition_dirs(const std::string& dir, std::optional<uint64_t> partition);

class StateView {
 public:
  static Result<std::unique_ptr<StateView>> open(const std::string& folder);

  Result<store::Txn> read() const { return env_->read(); }
  const store::Env& env() const { return *env_; }
  const state::Tables& tables() const { return tables_; }
  // Nothing if the state does not know the gateway.
  std::optional<ledger::GatewayLedger> ledger(const std::string& tenant, const std::string& gateway) const;

 private:
  std::unique_ptr<store::Env> env_;
  state::Tables tables_;
};

}  // namespace tributary::ctl
