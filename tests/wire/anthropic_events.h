/// The grammar of Anthropic's event streams, checked event by event, and the message that a client builds from them.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "streams.h"

namespace thalamus::wire {

/// What a client's library accumulates.
struct SeenMessage {
  nlohmann::json content = nlohmann::json::array();
  nlohmann::json start;
  std::string stop_reason;
  nlohmann::json stop_sequence;
  nlohmann::json usage;
  std::string error;
  bool stopped = false;
};

class EventChecker {
 public:
  void take(const SseEvent& event) {
    const auto data = nlohmann::json::parse(event.data, nullptr, false);
    ASSERT_TRUE(data.is_object()) << event.data;
    const std::string type = data.value("type", "");
    EXPECT_EQ(event.event, type);
    ASSERT_TRUE(out.error.empty() && !out.stopped) << "nothing comes after the end: " << event.data;
    if (type == "error") {
      out.error = data["error"]["message"];
      EXPECT_FALSE(data["error"]["type"].get<std::string>().empty());
      return;
    }
    ASSERT_EQ(type == "message_start", !started_) << event.data;
    if (type == "message_start") {
      started_ = true;
      out.start = data["message"];
      EXPECT_TRUE(out.start["content"].empty() && out.start["stop_reason"].is_null());
      EXPECT_EQ(out.start["role"], "assistant");
      EXPECT_EQ(out.start["type"], "message");
    } else if (type == "content_block_start") {
      begin(data);
    } else if (type == "content_block_delta") {
      ASSERT_TRUE(open_ && data["index"] == out.content.size() - 1) << event.data;
      add(data["delta"]);
    } else if (type == "content_block_stop") {
      ASSERT_TRUE(open_ && data["index"] == out.content.size() - 1) << event.data;
      end();
    } else if (type == "message_delta") {
      ASSERT_TRUE(!open_ && out.stop_reason.empty()) << event.data;
      out.stop_reason = data["delta"]["stop_reason"];
      out.stop_sequence = data["delta"]["stop_sequence"];
      out.usage = data["usage"];
      EXPECT_TRUE(out.usage["output_tokens"].is_number_unsigned());
    } else {
      ASSERT_EQ(type, "message_stop");
      ASSERT_FALSE(out.stop_reason.empty());
      out.stopped = true;
    }
  }

  SeenMessage out;

 private:
  void begin(const nlohmann::json& data) {
    ASSERT_TRUE(!open_ && out.stop_reason.empty() && data["index"] == out.content.size()) << data;
    open_ = true;
    signed_ = false;
    input_.clear();
    out.content.push_back(data["content_block"]);
    const auto& block = out.content.back();
    const std::string type = block["type"];
    EXPECT_TRUE(type != "text" || block["text"] == "");
    EXPECT_TRUE(type != "thinking" || block["thinking"] == "");
    EXPECT_TRUE(type != "tool_use" || block["input"] == nlohmann::json::object());
  }

  void add(const nlohmann::json& delta) {
    auto& block = out.content.back();
    const std::string type = delta["type"];
    const auto append = [&](const char* member) {
      EXPECT_FALSE(delta[member].get<std::string>().empty()) << "a delta says something";
      block[member] = block[member].get<std::string>() + delta[member].get<std::string>();
    };
    EXPECT_FALSE(signed_) << "the signature ends a thought";
    if (type == "text_delta") {
      EXPECT_EQ(block["type"], "text");
      append("text");
    } else if (type == "thinking_delta") {
      EXPECT_EQ(block["type"], "thinking");
      append("thinking");
    } else if (type == "signature_delta") {
      EXPECT_EQ(block["type"], "thinking");
      append("signature");
      signed_ = true;
    } else {
      ASSERT_EQ(type, "input_json_delta");
      EXPECT_EQ(block["type"], "tool_use");
      input_ += delta["partial_json"].get<std::string>();
    }
  }

  void end() {
    open_ = false;
    auto& block = out.content.back();
    if (block["type"] != "tool_use" || input_.empty()) return;
    block["input"] = nlohmann::json::parse(input_, nullptr, false);
    EXPECT_TRUE(block["input"].is_object()) << input_;
  }

  bool started_ = false;
  bool open_ = false;
  bool signed_ = false;
  std::string input_;
};

inline SeenMessage seen_message(std::string_view stream) {
  EventChecker checker;
  for (const SseEvent& event : events_of(stream)) {
    checker.take(event);
    if (::testing::Test::HasFatalFailure()) break;
  }
  EXPECT_TRUE(checker.out.stopped || !checker.out.error.empty()) << stream;
  return checker.out;
}

}  // namespace thalamus::wire
