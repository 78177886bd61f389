// The registry of formats: one row per line of formats.def.
#include "thalamus/wire/format.h"

#include "thalamus/wire/embeddings_format.h"

#include <algorithm>
#include <array>

namespace thalamus::wire {

#define FORMAT(name) [[nodiscard]] const Format& name##_format() noexcept;
#include "thalamus/wire/formats.def"
#undef FORMAT

namespace {

struct FormatRow {
  std::string_view line;
  const Format& (*instance)() noexcept;
};

constexpr std::array kRows{
#define FORMAT(name) FormatRow{#name, &name##_format},
#include "thalamus/wire/formats.def"
#undef FORMAT
};

}  // namespace

const Format* find_format(std::string_view name) noexcept {
  const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const FormatRow& row) {
    return row.line == name || row.instance().name() == name;
  });
  return found == kRows.end() ? nullptr : &found->instance();
}

const Format* find_format_at(std::string_view inbound_path) noexcept {
  if (inbound_path == embeddings_format().endpoints().inbound) return &embeddings_format();
  const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const FormatRow& row) {
    return row.instance().endpoints().inbound == inbound_path;
  });
  return found == kRows.end() ? nullptr : &found->instance();
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const FormatRow& row : kRows) names.emplace_back(row.instance().name());
  return names;
}

}  // namespace thalamus::wire
