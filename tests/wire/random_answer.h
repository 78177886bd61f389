/// Random answers and random orders of the pieces of a stream, also such as no well-behaved provider gives.
#pragma once

#include <string>
#include <vector>

#include "streams.h"
#include "thalamus/base/rng.h"

namespace thalamus::wire {

class RandomAnswer {
 public:
  explicit RandomAnswer(std::uint64_t seed) noexcept : rng_(seed) {}

  base::Rng& rng() noexcept { return rng_; }

  std::string text() {
    static constexpr std::array<std::string_view, 9> kPieces{
        "a", "\"", "\\", "\n", "\xc3\xa9", "{}", "\t ", " words ", "\xf0\x9f\x98\x80"};
    std::string out;
    for (std::uint64_t i = 0, n = rng_.below(5); i < n; ++i) out += rng_.pick(kPieces);
    return out;
  }

  /// Any piece after any other; calls may be named twice, or not at all.
  std::vector<core::Delta> deltas() {
    std::vector<core::Delta> out;
    for (std::uint64_t i = 0, n = rng_.below(14); i < n; ++i) {
      core::Delta& delta = out.emplace_back();
      delta.kind = static_cast<core::DeltaKind>(rng_.below(7));
      delta.index = static_cast<std::uint32_t>(rng_.below(3));
      delta.text = text();
      if (rng_.below(2) == 0) delta.id = "id" + std::to_string(rng_.below(2));
      delta.name = "f";
    }
    return out;
  }

  /// An answer that a provider could give: calls have identifiers of their own.
  core::Answer answer() {
    core::Answer out;
    out.id = "1";
    out.created_unix_s = 1700000000;
    out.model = "m";
    for (std::uint64_t i = 0, n = rng_.below(3); i < n; ++i) out.reasoning.push_back(thought(i));
    out.text = text();
    out.refusal = text();
    for (std::uint64_t i = 0, n = rng_.below(3); i < n; ++i)
      out.tool_calls.push_back({"c" + std::to_string(i), "f" + std::to_string(i), text()});
    out.finish = out.tool_calls.empty() ? core::Finish::kStop : core::Finish::kToolCalls;
    if (rng_.below(4) == 0) out.finish = rng_.below(2) == 0 ? core::Finish::kLength : core::Finish::kContentFilter;
    out.usage = {.input = static_cast<std::uint32_t>(rng_.below(1000)),
                 .cached_input = static_cast<std::uint32_t>(rng_.below(100)),
                 .output = static_cast<std::uint32_t>(rng_.below(1000)),
                 .reasoning = static_cast<std::uint32_t>(rng_.below(100)),
                 .known = true,
                 .cache_write = static_cast<std::uint32_t>(rng_.below(100))};
    return out;
  }

  /// Signed, encrypted by this protocol's provider or another's, or neither.
  core::Part thought(std::uint64_t number) {
    core::PartDetail detail;
    const std::uint64_t kind = rng_.below(4);
    if (kind == 0) detail.signature = "sig\"" + std::to_string(number);
    if (kind == 1 || kind == 2) detail.encrypted = "gAAA" + std::to_string(number);
    if (kind == 1) detail.id = "rs_" + std::string(1, static_cast<char>('a' + number));
    return {core::PartKind::kReasoning, kind == 2 ? "" : "hm " + text(),
            std::make_shared<const core::PartDetail>(std::move(detail))};
  }

 private:
  base::Rng rng_;
};

/// The pieces that an answer streams as.
inline std::vector<core::Delta> deltas_of(const core::Answer& answer) {
  std::vector<core::Delta> out;
  const auto add = [&](core::DeltaKind kind, const std::string& text) -> core::Delta& {
    core::Delta& delta = out.emplace_back();
    delta.kind = kind;
    delta.text = text;
    return delta;
  };
  for (const core::Part& part : answer.reasoning) {
    if (!part.text.empty()) add(core::DeltaKind::kReasoning, part.text).id = part.detail->id;
    if (!part.detail->signature.empty()) add(core::DeltaKind::kReasoningSignature, part.detail->signature);
    if (!part.detail->encrypted.empty())
      add(core::DeltaKind::kReasoningEncrypted, part.detail->encrypted).id = part.detail->id;
  }
  if (!answer.text.empty()) add(core::DeltaKind::kText, answer.text);
  if (!answer.refusal.empty()) add(core::DeltaKind::kRefusal, answer.refusal);
  for (std::size_t i = 0; i < answer.tool_calls.size(); ++i) {
    const core::ToolCall& call = answer.tool_calls[i];
    out.push_back(call_delta(static_cast<std::uint32_t>(i), call.id, call.name));
    if (!call.arguments.empty()) out.push_back(arguments_delta(static_cast<std::uint32_t>(i), call.arguments));
  }
  return out;
}

}  // namespace thalamus::wire
