#include "thalamus/wire/foreign_thoughts.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "thalamus/wire/anthropic_message.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_responses_items.h"

namespace thalamus::wire {
namespace {

constexpr std::string_view kForeign = "another provider's proof of its reasoning";
constexpr std::string_view kUnproven = "reasoning that no provider of this protocol has given";

/// An array with some elements left out or changed. Nothing is copied before something is.
struct EditedArray {
  std::vector<std::string_view> kept;
  bool changed = false;

  [[nodiscard]] std::string text() const { return fmt::format("[{}]", fmt::join(kept, ",")); }
};

/// Names that the gateway gives to items: "rs_", a decision's 32 hexadecimal digits and a number.
bool is_own_name(std::string_view id) {
  constexpr std::string_view kPrefix = "rs_";
  constexpr std::size_t kDigits = 32;
  if (!id.starts_with(kPrefix) || id.size() < kPrefix.size() + kDigits + 2) return false;
  const std::string_view digits = id.substr(kPrefix.size(), kDigits);
  return id[kPrefix.size() + kDigits] == '_' && digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Why a block of a message cannot go to a provider of messages; empty where it can.
std::string_view fault_of_block(std::string_view block) {
  JsonCursor cursor(block);
  std::string type, signature;
  if (!each_member(cursor, [&](std::string_view key) {
        if (key == "type") return take_text(cursor, type);
        return key == "signature" ? take_text(cursor, signature) : cursor.skip();
      }))
    return {};
  std::string id, encrypted;
  if (type != "thinking") return {};
  if (signature.empty()) return kUnproven;
  return split_foreign_signature(signature, id, encrypted) ? kForeign : std::string_view();
}

/// Likewise of an item of the input, to a provider of responses.
std::string_view fault_of_item(std::string_view item) {
  JsonCursor cursor(item);
  std::string type, sealed;
  core::PartDetail detail;
  if (!each_member(cursor, [&](std::string_view key) {
        if (key == "type") return take_text(cursor, type);
        if (key == "id") return take_text(cursor, detail.id);
        return key == "encrypted_content" ? take_text(cursor, sealed) : cursor.skip();
      }))
    return {};
  if (type != "reasoning") return {};
  if (sealed.empty()) return is_own_name(detail.id) ? kUnproven : std::string_view();
  unseal(sealed, detail);
  return detail.id.empty() ? kForeign : std::string_view();
}

/// The elements without those that have a fault.
template <class Fault>
bool take_elements(JsonCursor& cursor, const std::string& place, Fault fault, EditedArray& out, Losses& losses) {
  return each_element(cursor, [&](std::size_t i) {
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    const std::string_view reason = fault(raw);
    if (reason.empty()) {
      out.kept.push_back(raw);
    } else {
      out.changed = true;
      losses.push_back({fmt::format("{}[{}]", place, i), std::string(reason)});
    }
    return true;
  });
}

/// One turn of a conversation of messages.
struct Turn {
  std::string_view raw;  ///< as it came
  std::string edited;    ///< where it changed: as it goes on; empty where nothing of it does
  bool changed = false;
  bool assistant = false;
  bool calls = false;   ///< where it changed: calls a tool
  bool thinks = false;  ///< likewise: thinks, with a proof
};

bool take_turn(JsonCursor& cursor, std::size_t index, Turn& out, Losses& losses) {
  if (cursor.peek() != JsonKind::kObject) return cursor.skip();
  if (!cursor.skip(out.raw)) return false;
  JsonCursor inside(out.raw);
  std::vector<SpliceEdit> edits;
  EditedArray content;
  const bool read = each_member(inside, [&](std::string_view key) {
    if (key == "role") {
      std::string role;
      const bool taken = take_text(inside, role);
      out.assistant = role == "assistant";
      return taken;
    }
    if (key != "content" || inside.peek() != JsonKind::kArray) return inside.skip();
    const std::size_t begin = inside.offset();
    if (!take_elements(inside, fmt::format("messages[{}].content", index), fault_of_block, content, losses))
      return false;
    if (content.changed) edits.push_back({begin, inside.offset(), content.text()});
    return true;
  });
  if (!read) return false;
  out.changed = content.changed;
  if (!out.changed) return true;
  for (const std::string_view block : content.kept) {
    JsonCursor part(block);
    std::string type;
    static_cast<void>(
        each_member(part, [&](std::string_view key) { return key == "type" ? take_text(part, type) : part.skip(); }));
    out.calls = out.calls || type == "tool_use";
    out.thinks = out.thinks || type == "thinking" || type == "redacted_thinking";
  }
  if (!content.kept.empty()) out.edited = splice(out.raw, edits);
  return true;
}

/// With thinking on, the last turn of an assistant that waits for the results of its calls must begin with a thought.
bool forbids_thinking(const std::vector<Turn>& turns) {
  const auto last = std::find_if(turns.rbegin(), turns.rend(), [](const Turn& turn) { return turn.assistant; });
  return last != turns.rend() && last->changed && last->calls && !last->thinks;
}

std::optional<SpliceEdit> switched_off(std::string_view thinking, std::size_t end) {
  JsonCursor cursor(thinking);
  std::string type;
  static_cast<void>(each_member(
      cursor, [&](std::string_view key) { return key == "type" ? take_text(cursor, type) : cursor.skip(); }));
  if (type != "enabled") return {};
  return SpliceEdit{end - thinking.size(), end, R"({"type":"disabled"})"};
}

std::optional<std::string> mended_messages(std::string_view body, Losses& losses) {
  JsonCursor cursor(body);
  std::vector<SpliceEdit> edits;
  std::optional<SpliceEdit> no_thinking;
  std::vector<Turn> turns;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "thinking") {
      std::string_view raw;
      if (!cursor.skip(raw)) return false;
      no_thinking = switched_off(raw, cursor.offset());
      return true;
    }
    if (key != "messages" || cursor.peek() != JsonKind::kArray) return cursor.skip();
    const std::size_t begin = cursor.offset();
    if (!each_element(cursor, [&](std::size_t i) { return take_turn(cursor, i, turns.emplace_back(), losses); }))
      return false;
    if (std::none_of(turns.begin(), turns.end(), [](const Turn& turn) { return turn.changed; })) return true;
    EditedArray kept;
    for (const Turn& turn : turns) {
      const std::string_view text = turn.changed ? std::string_view(turn.edited) : turn.raw;
      if (!text.empty()) kept.kept.push_back(text);
    }
    edits.push_back({begin, cursor.offset(), kept.text()});
    return true;
  });
  if (!read || edits.empty()) return {};
  if (no_thinking && forbids_thinking(turns)) {
    edits.push_back(std::move(*no_thinking));
    losses.push_back({"thinking", "thinking goes on only from an assistant's turn that holds its signed reasoning"});
  }
  return splice(body, edits);
}

std::optional<std::string> mended_input(std::string_view body, Losses& losses) {
  JsonCursor cursor(body);
  std::vector<SpliceEdit> edits;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key != "input" || cursor.peek() != JsonKind::kArray) return cursor.skip();
    const std::size_t begin = cursor.offset();
    EditedArray items;
    if (!take_elements(cursor, "input", fault_of_item, items, losses)) return false;
    if (items.changed) edits.push_back({begin, cursor.offset(), items.text()});
    return true;
  });
  if (!read || edits.empty()) return {};
  return splice(body, edits);
}

}  // namespace

bool holds_thoughts(const core::Request& request) noexcept {
  return std::any_of(request.messages.begin(), request.messages.end(), [](const core::Message& message) {
    return std::any_of(message.parts.begin(), message.parts.end(),
                       [](const core::Part& part) { return part.kind == core::PartKind::kReasoning; });
  });
}

std::optional<std::string> without_foreign_thoughts(std::string_view format, std::string_view body, Losses& losses) {
  if (format == "anthropic") return mended_messages(body, losses);
  return format == "responses" ? mended_input(body, losses) : std::nullopt;
}

}  // namespace thalamus::wire
