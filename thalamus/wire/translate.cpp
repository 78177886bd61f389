#include "thalamus/wire/translate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/counterparts.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_take.h"

namespace thalamus::wire {
namespace {

/// A member of the body that no field of the request holds.
struct Unread {
  std::string_view path;
  std::string_view value;  ///< as it is spelt; empty where it lies in an array
};

bool is_below(std::string_view path, std::string_view parent) {
  return path.size() > parent.size() && path.starts_with(parent) && path[parent.size()] == '.';
}

/// The values of the members, below `prefix` the object that `json` is.
void find_values(std::string_view json, const std::string& prefix, std::vector<Unread>& members) {
  JsonCursor cursor(json);
  static_cast<void>(each_member(cursor, [&](std::string_view key) {
    const std::string path = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    bool inside = false;
    for (Unread& member : members) {
      if (member.path == path) member.value = raw;
      inside = inside || is_below(member.path, path);
    }
    if (inside) find_values(raw, path, members);
    return true;
  }));
}

void set_member(std::string& json, std::string_view path, const std::string& value);

/// Adds `name` to the object `json`, which has no such member.
void add_member(std::string& json, std::string_view name, std::string_view value) {
  std::string member;
  base::append_json_string(member, name);
  add_members(json, member.append(":").append(value));
}

/// Sets `path` in the object `json`, which does not have it, to `value`; makes the objects on the way.
void set_member(std::string& json, std::string_view path, const std::string& value) {
  const auto dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  if (dot == std::string_view::npos) return add_member(json, name, value);
  const std::string_view rest = path.substr(dot + 1);
  JsonCursor cursor(json);
  std::vector<SpliceEdit> edits;
  static_cast<void>(each_member(cursor, [&](std::string_view key) {
    const bool wanted = key == name && cursor.peek() == JsonKind::kObject;
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    if (!wanted) return true;
    std::string inner(raw);
    set_member(inner, rest, value);
    edits.push_back({cursor.offset() - raw.size(), cursor.offset(), std::move(inner)});
    return true;
  }));
  if (!edits.empty()) {
    json = splice(json, edits);
    return;
  }
  std::string inner = "{}";
  set_member(inner, rest, value);
  add_member(json, name, inner);
}

/// Only messages promise to go on with an assistant's turn that ends the conversation.
bool begins_the_answer(const core::Request& request) {
  if (request.messages.empty()) return false;
  const core::Message& last = request.messages.back();
  return last.role == core::Role::kAssistant && last.tool_calls.empty();
}

}  // namespace

std::string translate(const Format& from, std::string_view body, const core::Request& request, const Format& to,
                      std::string_view model, Losses& losses) {
  std::string out = to.encode_request(request, model, &losses);
  const auto source = protocol_of(from.name());
  const auto target = protocol_of(to.name());
  if (source == Protocol::kMessages && target != source && begins_the_answer(request))
    losses.push_back({fmt::format("request.messages[{}]", request.messages.size() - 1),
                      "the target does not continue a turn that was begun: it gives another one"});
  if (!losses.empty()) from.name_losses(body, losses);
  if (request.unread.empty() || !source || !target || source == target) return out;
  std::vector<Unread> members;
  members.reserve(request.unread.size());
  for (const std::string& path : request.unread) members.push_back({path, {}});
  find_values(body, {}, members);
  for (const Unread& member : members) {
    Fate fate = fate_of(member.path, member.value, *source, *target, request);
    if (!fate.path.empty()) {
      set_member(out, fate.path, fate.value);
    } else if (!fate.reason.empty()) {
      losses.push_back({std::string(member.path), std::string(fate.reason)});
    }
  }
  return out;
}

}  // namespace thalamus::wire
