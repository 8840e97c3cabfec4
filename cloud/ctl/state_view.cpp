// SPDX-License-Identifier: Apache-2.0
// A state from outside, see state_view.h.
#include "cloud/ctl/state_view.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace tributary::ctl {
namespace {

constexpr unsigned kTablesMax = 32;
constexpr std::string_view kPrefix = "partition-";

std::optional<uint32_t> partition_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string partition_dir(const std::string& dir, uint32_t partition) {
  return dir + "/" + std::string(kPrefix) + std::to_string(partition);
}

Result<std::vector<std::string>> partition_dirs(const std::string& dir, std::optional<uint64_t> partition) {
  std::error_code failure;
  if (std::filesystem::exists(dir + "/data.mdb", failure)) return std::vector<std::string>{dir};
  std::vector<std::pair<uint32_t, std::string>> found;
  for (const auto& entry : std::filesystem::directory_iterator(dir, failure)) {
    const auto number = partition_of(entry.path().filename().string());
    if (number && (!partition || *partition == *number)) found.emplace_back(*number, entry.path().string());
  }
  if (found.empty()) {
    return Error{ErrorCode::kNotFound, "found no state in " + dir + ", expected a folder partition-" +
                                           (partition ? std::to_string(*partition) : "N") + " ([state] dir)"};
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> folders;
  for (const auto& [number, folder] : found) folders.push_back(folder);
  return folders;
}

Result<std::unique_ptr<StateView>> StateView::open(const std::string& folder) {
  auto view = std::make_unique<StateView>();
  auto env =
      store::Env::open({.path = folder, .tables_max = kTablesMax, .read_only = true, .sealed = true, .inspect = true});
  if (!env) return env.error();
  view->env_ = std::move(env).value();
  auto tables = state::open_tables(*view->env_);
  if (!tables) return tables.error();
  view->tables_ = *tables;
  return view;
}

std::optional<ledger::GatewayLedger> StateView::ledger(const std::string& tenant, const std::string& gateway) const {
  auto txn = env_->read();
  if (!txn || tenant.size() > state::kNameBytesMax || gateway.size() > state::kNameBytesMax) return std::nullopt;
  const auto tenant_no = txn->get(tables_.tenants, tenant);
  if (!tenant_no || tenant_no->size() != 4) return std::nullopt;
  const auto no = txn->get(tables_.gateway_names, state::Key().u32(state::KeyReader(*tenant_no).u32()).text(gateway));
  if (!no) return std::nullopt;
  const auto bytes = txn->get(tables_.ledgers, *no);
  return bytes ? ledger::GatewayLedger::decode(as_bytes(*bytes)) : std::nullopt;
}

}  // namespace tributary::ctl
