#include "thalamus/wire/contract.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/ranges.h>

#include "thalamus/base/text.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kNamesMax = 256;
constexpr std::size_t kNameBytesMax = 256;
constexpr double kInfinity = std::numeric_limits<double>::max();
constexpr NumberRange kAmount{0, kInfinity, "a number of at least 0"};
constexpr NumberRange kDuration{0, kInfinity, "a number above 0", true};
constexpr NumberRange kShare{0, 1, "a number from 0 to 1"};
constexpr std::array<std::string_view, 2> kExploreNames{"never", "allowed"};
constexpr std::array<std::string_view, 2> kOnInfeasibleNames{"fail", "nearest"};
constexpr std::array<std::string_view, 2> kWorthNames{"answer_usd", "second_usd"};

struct NumberField {
  std::string_view name;
  std::optional<double> core::ContractPatch::* member;
  const NumberRange& range;
};
constexpr std::array kNumbers{
    NumberField{"max_cost_usd", &core::ContractPatch::max_cost_usd, kAmount},
    NumberField{"max_latency_ms", &core::ContractPatch::max_latency_ms, kDuration},
    NumberField{"max_ttft_ms", &core::ContractPatch::max_ttft_ms, kDuration},
    NumberField{"min_quality", &core::ContractPatch::min_quality, kShare},
};

constexpr std::array<std::string_view, 11> kMembers{"max_cost_usd", "max_latency_ms", "max_ttft_ms", "min_quality",
                                                    "allow",        "deny",           "worth",       "session",
                                                    "explore",      "on_infeasible",  "explain"};

const NumberField* find_number(std::string_view name) noexcept {
  const auto found = std::find_if(kNumbers.begin(), kNumbers.end(), [&](const auto& row) { return row.name == name; });
  return found == kNumbers.end() ? nullptr : &*found;
}

std::unexpected<Error> unknown_member(const Place& place, std::string_view name,
                                      std::span<const std::string_view> names) {
  const std::vector<std::string> candidates(names.begin(), names.end());
  return fail_at(place.text(), ErrorKind::kInvalidInput, "unknown member {}; expected one of {}{}", quoted(name),
                 fmt::join(names, ", "), hint(name, candidates));
}

// What a text must be, whichever way it came.

Status check_name(const Place& place, std::string_view name) {
  const bool control =
      std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (!name.empty() && name.size() <= kNameBytesMax && !control) return {};
  return fail_at(place.text(), ErrorKind::kInvalidInput,
                 "expected 1 to {} bytes without control characters, got {} bytes", kNameBytesMax, name.size());
}

Status add_name(const Place& place, std::vector<std::string>& names, std::string_view name) {
  CHECK_OK(check_name(place, name));
  if (names.size() == kNamesMax)
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected at most {} names; use tags instead", kNamesMax);
  names.emplace_back(name);
  return {};
}

Status set_session(const Place& place, core::ContractPatch& patch, std::string_view text) {
  CHECK_OK(check_name(place, text));
  patch.session = std::string(text);
  return {};
}

Status set_explore(const Place& place, core::ContractPatch& patch, std::string_view text) {
  if (text != "never" && text != "allowed") return not_among(place, text, kExploreNames);
  patch.explore = text == "never" ? core::Explore::kNever : core::Explore::kAllowed;
  return {};
}

Status set_on_infeasible(const Place& place, core::ContractPatch& patch, std::string_view text) {
  if (text != "fail" && text != "nearest") return not_among(place, text, kOnInfeasibleNames);
  patch.on_infeasible = text == "fail" ? core::OnInfeasible::kFail : core::OnInfeasible::kNearest;
  return {};
}

// From JSON.

Status read_names(JsonCursor& cursor, const Place& place, std::vector<std::string>& names) {
  if (cursor.peek() != JsonKind::kArray) return mistyped(cursor, place, "an array of target names or tags");
  CHECK_OK(enter_array(cursor, place));
  for (std::size_t i = 0; cursor.next_element(); ++i) {
    const Place at(place, i);
    std::string_view name;
    CHECK_OK(read_text_view(cursor, at, name));
    CHECK_OK(add_name(at, names, name));
  }
  return left(cursor, place);
}

Status read_worth(JsonCursor& cursor, const Place& place, core::ContractPatch& patch) {
  if (cursor.peek() != JsonKind::kObject)
    return mistyped(cursor, place, R"(an object such as {"answer_usd":0.02,"second_usd":0.001})");
  CHECK_OK(enter_object(cursor, place));
  core::Worth worth;
  std::string_view key;
  while (cursor.next_member(key)) {
    double* const value = key == "answer_usd" ? &worth.answer_usd : key == "second_usd" ? &worth.second_usd : nullptr;
    if (value == nullptr) return unknown_member(place, key, kWorthNames);
    const Place at(place, key);
    if (pass_null(cursor)) continue;
    CHECK_OK(read_real(cursor, at, kAmount, *value));
  }
  patch.worth = worth;
  return left(cursor, place);
}

Status read_member(JsonCursor& cursor, const Place& at, std::string_view name, core::ContractPatch& out) {
  if (const NumberField* number = find_number(name); number != nullptr) {
    double value = 0;
    CHECK_OK(read_real(cursor, at, number->range, value));
    out.*number->member = value;
    return {};
  }
  if (name == "allow") return read_names(cursor, at, out.allow);
  if (name == "deny") return read_names(cursor, at, out.deny);
  if (name == "worth") return read_worth(cursor, at, out);
  if (name == "explain") {
    bool flag = false;
    CHECK_OK(read_flag(cursor, at, flag));
    out.explain = flag;
    return {};
  }
  std::string_view text;
  CHECK_OK(read_text_view(cursor, at, text));
  if (name == "session") return set_session(at, out, text);
  if (name == "explore") return set_explore(at, out, text);
  return set_on_infeasible(at, out, text);
}

// From headers.

Status apply_number(const Place& place, const NumberRange& range, std::string_view value, double& out) {
  const auto number = base::parse_number<double>(value);
  if (!number || !range.holds(*number))
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}, got {}", range.expected, quoted(value));
  out = *number;
  return {};
}

Status apply_names(const Place& place, std::string_view value, std::vector<std::string>& names) {
  for (const std::string_view piece : base::split(value, ',')) CHECK_OK(add_name(place, names, base::trim(piece)));
  return {};
}

Status apply_worth(const Place& place, std::string_view member, std::string_view value, core::ContractPatch& patch) {
  double amount = 0;
  CHECK_OK(apply_number(place, kAmount, value, amount));
  if (!patch.worth) patch.worth.emplace();
  (member == "worth_answer_usd" ? patch.worth->answer_usd : patch.worth->second_usd) = amount;
  return {};
}

Status apply_flag(const Place& place, std::string_view value, core::ContractPatch& patch) {
  const std::string word = base::lower_ascii(value);
  const bool yes = word == "true" || word == "1";
  if (!yes && word != "false" && word != "0")
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected true or false, got {}", quoted(value));
  patch.explain = yes;
  return {};
}

std::unexpected<Error> unknown_header(const Place& place, std::string_view name) {
  std::vector<std::string> candidates;
  for (const std::string_view member : kMembers) {
    if (member == "worth") continue;
    candidates.emplace_back(std::string(kContractHeaderPrefix).append(member));
  }
  for (const std::string_view part : kWorthNames)
    candidates.emplace_back(std::string(kContractHeaderPrefix).append("worth_").append(part));
  for (std::string& candidate : candidates) std::replace(candidate.begin(), candidate.end(), '_', '-');
  return fail_at(place.text(), ErrorKind::kInvalidInput, "unknown header; expected one of {}{}",
                 fmt::join(candidates, ", "), hint(name, candidates));
}

}  // namespace

Status read_contract(JsonCursor& cursor, const Place& place, core::ContractPatch& out) {
  CHECK_OK(enter_object(cursor, place));
  unsigned seen = 0;
  std::string_view key;
  while (cursor.next_member(key)) {
    const auto row = std::find(kMembers.begin(), kMembers.end(), key);
    if (row == kMembers.end()) return unknown_member(place, key, kMembers);
    const Place at(place, *row);
    const unsigned bit = 1U << static_cast<unsigned>(row - kMembers.begin());
    if ((seen & bit) != 0) return fail_at(at.text(), ErrorKind::kInvalidInput, "given twice; give it once");
    seen |= bit;
    if (pass_null(cursor)) continue;
    CHECK_OK(read_member(cursor, at, *row, out));
  }
  return left(cursor, place);
}

Result<core::ContractPatch> decode_contract(std::string_view json) {
  JsonCursor cursor(json);
  const Place root("thalamus");
  core::ContractPatch patch;
  CHECK_OK(read_contract(cursor, root, patch));
  if (!cursor.finish()) return malformed(cursor, root);
  return patch;
}

Status apply_contract_header(core::ContractPatch& patch, std::string_view name, std::string_view value) {
  const std::string header = base::lower_ascii(name);
  const std::string where = "header " + header;
  const Place place(where);
  if (!header.starts_with(kContractHeaderPrefix)) return unknown_header(place, header);
  // Read by others: how long the client waits, and the protocol of a decision's body.
  if (header == "x-thalamus-deadline-ms" || header == "x-thalamus-format") return {};
  std::string member = header.substr(kContractHeaderPrefix.size());
  if (member.find('_') != std::string::npos) return unknown_header(place, header);
  std::replace(member.begin(), member.end(), '-', '_');
  value = base::trim(value);
  if (const NumberField* number = find_number(member); number != nullptr) {
    double amount = 0;
    CHECK_OK(apply_number(place, number->range, value, amount));
    patch.*number->member = amount;
    return {};
  }
  if (member == "allow") return apply_names(place, value, patch.allow);
  if (member == "deny") return apply_names(place, value, patch.deny);
  if (member == "worth_answer_usd" || member == "worth_second_usd") return apply_worth(place, member, value, patch);
  if (member == "session") return set_session(place, patch, value);
  if (member == "explore") return set_explore(place, patch, value);
  if (member == "on_infeasible") return set_on_infeasible(place, patch, value);
  if (member == "explain") return apply_flag(place, value, patch);
  return unknown_header(place, header);
}

}  // namespace thalamus::wire
