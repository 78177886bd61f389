/// What the tests of every protocol need of streams.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "thalamus/wire/format.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {

/// The whole events of a stream; nothing may be left over.
inline std::vector<SseEvent> events_of(std::string_view stream) {
  std::vector<SseEvent> out;
  SseReader reader;
  SseEvent event;
  EXPECT_TRUE(reader.feed(stream));
  while (reader.next(event)) out.push_back(event);
  EXPECT_EQ(reader.rest(), "");
  return out;
}

/// The data of each event.
inline std::vector<std::string> frames_of(std::string_view stream) {
  std::vector<std::string> out;
  for (const SseEvent& event : events_of(stream)) out.push_back(event.data);
  return out;
}

/// One frame, read as the first of its stream.
inline Result<FrameFacts> read_frame(const Format& format, std::string_view data,
                                     std::vector<core::Delta>* deltas = nullptr) {
  SseEvent event;
  event.data = std::string(data);
  return format.read_stream()->read(event, deltas);
}

inline core::Delta text_delta(std::string text) {
  core::Delta delta;
  delta.text = std::move(text);
  return delta;
}

inline core::Delta call_delta(std::uint32_t index, std::string id, std::string name) {
  core::Delta delta;
  delta.kind = core::DeltaKind::kToolCall;
  delta.index = index;
  delta.id = std::move(id);
  delta.name = std::move(name);
  return delta;
}

inline core::Delta arguments_delta(std::uint32_t index, std::string text) {
  core::Delta delta;
  delta.kind = core::DeltaKind::kArguments;
  delta.index = index;
  delta.text = std::move(text);
  return delta;
}

/// What a whole stream says: the pieces put together.
struct ReadStream {
  core::Answer answer;
  bool finished = false;
  bool done = false;
  std::string failure;
  std::vector<core::Delta> deltas;
};

inline ReadStream read_whole_stream(const Format& format, std::string_view stream) {
  ReadStream out;
  const auto reader = format.read_stream();
  for (const SseEvent& event : events_of(stream)) {
    if (event.comment_only || event.data.empty()) continue;
    const auto facts = reader->read(event, &out.deltas);
    EXPECT_TRUE(facts) << facts.error().text() << "\n" << event.data;
    if (!facts) break;
    out.done = out.done || facts->done;
    if (facts->failed) out.failure = facts->failure;
    if (facts->carries_usage) out.answer.usage = facts->usage;
    if (!facts->finished) continue;
    out.finished = true;
    out.answer.finish = facts->finish;
  }
  for (const core::Delta& delta : out.deltas) {
    core::Answer& answer = out.answer;
    switch (delta.kind) {
      case core::DeltaKind::kText: answer.text += delta.text; break;
      case core::DeltaKind::kRefusal: answer.refusal += delta.text; break;
      case core::DeltaKind::kReasoning:
        if (answer.reasoning.empty()) answer.reasoning.push_back({core::PartKind::kReasoning, {}});
        answer.reasoning.back().text += delta.text;
        break;
      case core::DeltaKind::kToolCall:
        EXPECT_EQ(delta.index, answer.tool_calls.size()) << "calls are numbered as they begin";
        answer.tool_calls.push_back({delta.id, delta.name, {}});
        break;
      case core::DeltaKind::kArguments:
        EXPECT_LT(delta.index, answer.tool_calls.size());
        if (delta.index < answer.tool_calls.size()) answer.tool_calls[delta.index].arguments += delta.text;
        break;
      case core::DeltaKind::kReasoningSignature:
      case core::DeltaKind::kReasoningEncrypted: break;
    }
  }
  return out;
}

}  // namespace thalamus::wire
