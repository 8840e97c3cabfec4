// SPDX-License-Identifier: Apache-2.0
// What a refused configuration is told in plain words: the nearest of the known names, and why a line is not TOML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::runtime {

// The name that was probably meant: the one of the least number of letters changed, added, dropped or swapped, if these
// are at most a third of its length (and one for the shortest). Empty if none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& names);

// "port (is nearest), or one of host, port, threads"; "nothing here" without names.
std::string expected_names(std::string_view word, std::vector<std::string> names);

// Why line `line` (from 1) of a TOML file cannot be read, as "found X, expected Y". parser_says is used where nothing
// plainer is known. Values are never repeated: a secret may stand among them.
std::string explain_syntax(std::string_view text, uint32_t line, std::string_view parser_says);

}  // namespace tributary::runtime
