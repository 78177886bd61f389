#include "thalamus/host/demands.h"

#include <algorithm>
#include <array>

#include "thalamus/wire/json_value.h"

namespace thalamus::host {
namespace {

using wire::JsonCursor;
using wire::JsonKind;
using wire::Place;

constexpr wire::NumberRange kPenalty{-2, 2, "a number from -2 to 2"};
constexpr std::size_t kStopsMax = 16;
constexpr std::size_t kStopBytesMax = 1024;
constexpr std::size_t kToolsMax = 128;
constexpr std::array<std::string_view, 3> kToolChoices{"auto", "none", "required"};

Status read_n(JsonCursor& cursor, const Place& place) {
  std::uint32_t n = 1;
  CHECK_OK(wire::read_count(cursor, place, 1, n));
  if (n == 1) return {};
  return fail_at(place.text(), ErrorKind::kUnsupported, "{}: this model gives one answer a request; send n requests",
                 n);
}

Status read_modalities(JsonCursor& cursor, const Place& place) {
  CHECK_OK(wire::enter_array(cursor, place));
  std::string name;
  for (std::size_t i = 0; cursor.next_element(); ++i) {
    const Place at(place, i);
    CHECK_OK(wire::read_text(cursor, at, name));
    if (name != "text")
      return fail_at(at.text(), ErrorKind::kUnsupported, "{}: this model writes text only; ask for [\"text\"]",
                     wire::quoted(name));
  }
  return wire::left(cursor, place);
}

Status refuse_audio(JsonCursor&, const Place& place) {
  return fail_at(place.text(), ErrorKind::kUnsupported, "this model does not speak; leave the member out");
}

Status read_logit_bias(JsonCursor& cursor, const Place& place) {
  CHECK_OK(wire::enter_object(cursor, place));
  std::string_view key;
  if (cursor.next_member(key))
    return fail_at(place.text(), ErrorKind::kUnsupported,
                   "token numbers differ from model to model, so this server takes no bias; leave the member out");
  return wire::left(cursor, place);
}

// "auto", "none", "required", or {"type":"function","function":{"name":...}}.
Status read_tool_choice(JsonCursor& cursor, const Place& place, Demands& out) {
  if (cursor.peek() == JsonKind::kString) {
    std::string name;
    CHECK_OK(wire::read_text(cursor, place, name));
    const auto* const row = std::find(kToolChoices.begin(), kToolChoices.end(), name);
    if (row == kToolChoices.end()) return wire::not_among(place, name, kToolChoices);
    out.tool_choice = static_cast<ToolChoice>(row - kToolChoices.begin());
    return {};
  }
  if (cursor.peek() != JsonKind::kObject) return wire::mistyped(cursor, place, "a string or an object");
  CHECK_OK(wire::enter_object(cursor, place));
  const Place function(place, "function");
  std::string_view key;
  while (cursor.next_member(key)) {
    if (key != "function") {
      CHECK_OK(wire::skip_value(cursor, place));
      continue;
    }
    CHECK_OK(wire::enter_object(cursor, function));
    while (cursor.next_member(key)) {
      if (key == "name") {
        CHECK_OK(wire::read_text(cursor, Place(function, "name"), out.tool));
      } else {
        CHECK_OK(wire::skip_value(cursor, function));
      }
    }
    CHECK_OK(wire::left(cursor, function));
  }
  CHECK_OK(wire::left(cursor, place));
  out.tool_choice = ToolChoice::kRequired;
  if (!out.tool.empty()) return {};
  return fail_at(Place(function, "name").text(), ErrorKind::kInvalidInput, "missing; name one of body.tools");
}

Status read_member(JsonCursor& cursor, const Place& root, std::string_view key, Demands& out) {
  if (key == "n") return read_n(cursor, Place(root, "n"));
  if (key == "modalities") return read_modalities(cursor, Place(root, "modalities"));
  if (key == "audio") return refuse_audio(cursor, Place(root, "audio"));
  if (key == "logit_bias") return read_logit_bias(cursor, Place(root, "logit_bias"));
  if (key == "tool_choice") return read_tool_choice(cursor, Place(root, "tool_choice"), out);
  if (key == "presence_penalty")
    return wire::read_real(cursor, Place(root, "presence_penalty"), kPenalty, out.presence_penalty);
  if (key == "frequency_penalty")
    return wire::read_real(cursor, Place(root, "frequency_penalty"), kPenalty, out.frequency_penalty);
  return wire::skip_value(cursor, root);
}

}  // namespace

Result<Demands> read_demands(std::string_view body) {
  Demands out;
  JsonCursor cursor(body);
  const Place root("body");
  CHECK_OK(wire::enter_object(cursor, root));
  std::string_view key;
  while (cursor.next_member(key)) {
    if (wire::pass_null(cursor)) continue;
    CHECK_OK(read_member(cursor, root, key, out));
  }
  CHECK_OK(wire::left(cursor, root));
  return out;
}

Status check_supported(const core::Request& request, const Demands& demands) {
  for (std::size_t m = 0; m < request.messages.size(); ++m) {
    for (std::size_t p = 0; p < request.messages[m].parts.size(); ++p) {
      const auto kind = request.messages[m].parts[p].kind;
      if (kind != core::PartKind::kText && kind != core::PartKind::kRefusal)
        return fail_at(fmt::format("body.messages[{}].content[{}]", m, p), ErrorKind::kUnsupported,
                       "this model reads text only; send the content as text");
    }
  }
  if (request.stop.size() > kStopsMax)
    return fail_at("body.stop", ErrorKind::kInvalidInput, "{} strings, at most {}; send fewer", request.stop.size(),
                   kStopsMax);
  for (std::size_t i = 0; i < request.stop.size(); ++i) {
    if (request.stop[i].size() > kStopBytesMax)
      return fail_at(fmt::format("body.stop[{}]", i), ErrorKind::kInvalidInput, "{} bytes, at most {}; shorten it",
                     request.stop[i].size(), kStopBytesMax);
  }
  if (request.tools.size() > kToolsMax)
    return fail_at("body.tools", ErrorKind::kInvalidInput, "{} tools, at most {}; send fewer", request.tools.size(),
                   kToolsMax);
  if (demands.tool_choice != ToolChoice::kRequired) return {};
  const bool given = std::any_of(request.tools.begin(), request.tools.end(), [&](const core::ToolDefinition& tool) {
    return demands.tool.empty() || tool.name == demands.tool;
  });
  if (given) return {};
  return fail_at("body.tool_choice", ErrorKind::kInvalidInput, "asks for a tool that body.tools does not have{}{}",
                 demands.tool.empty() ? "" : ": ", demands.tool.empty() ? "" : wire::quoted(demands.tool));
}

}  // namespace thalamus::host
