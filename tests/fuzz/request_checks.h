// What every protocol's request must bear that has been decoded, whatever its bytes are.
#pragma once

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "thalamus/wire/foreign_thoughts.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_cursor.h"
#include "thalamus/wire/translate.h"

namespace thalamus::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

// Not by the other parser: it refuses numbers that no double holds.
inline void require_json(std::string_view text) { require(wire::JsonCursor(text).skip()); }

inline void require_told(const wire::Losses& losses) {
  for (const wire::Loss& loss : losses) require(!loss.path.empty() && !loss.reason.empty());
}

// Both trees as another parser reads them. It refuses some texts that the grammar allows: these say nothing.
inline void compare_trees(const wire::Format& format, std::string_view body, const std::string& forwarded) {
  auto expected = nlohmann::json::parse(body, nullptr, false);
  if (expected.is_discarded()) return;
  expected["model"] = "upstream-model";
  expected.erase("thalamus");
  const bool chat = format.name() == "openai";
  if (chat && expected.contains("stream") && expected["stream"] == true)
    expected["stream_options"]["include_usage"] = true;
  const auto actual = nlohmann::json::parse(forwarded, nullptr, false);
  require(!actual.is_discarded() && actual == expected);
}

// Every other protocol takes it, and every loss has a place and a reason.
inline void check_translation(const wire::Format& format, std::string_view body, const core::Request& request) {
  for (const std::string& name : wire::format_names()) {
    wire::Losses losses;
    require_json(wire::translate(format, body, request, *wire::find_format(name), "m", losses));
    require_told(losses);
  }
}

// What is left without the thoughts of others is a request without any, and is left as it is the second time.
inline void check_foreign_thoughts(const wire::Format& format, std::string_view body) {
  wire::Losses losses;
  const auto mended = wire::without_foreign_thoughts(format.name(), body, losses);
  require(mended.has_value() == !losses.empty());
  require_told(losses);
  if (!mended) return;
  require_json(*mended);
  losses.clear();
  require(!wire::without_foreign_thoughts(format.name(), *mended, losses) && losses.empty());
}

// What an answer repeats of the request is JSON still.
inline void check_echo(const wire::Format& format, std::string_view body) {
  core::Answer answer;
  answer.text = "said";
  require_json(format.encode_answer(answer, body));
}

}  // namespace thalamus::fuzz
