/// A chat request, free of any provider's protocol. `wire` makes it from bytes; it owns those bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/contract.h"

namespace thalamus::core {

enum class Role : std::uint8_t { kSystem, kUser, kAssistant, kTool };

enum class PartKind : std::uint8_t { kText, kImage, kAudio, kFile, kRefusal, kOther };

struct Part {
  PartKind kind = PartKind::kText;
  std::string text;  ///< decoded text; for images and files the URL or media type, never the data
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON text as given
};

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  std::vector<ToolCall> tool_calls;
  std::string tool_call_id;
};

struct ToolDefinition {
  std::string name;
  std::string description;
  std::string parameters;  ///< JSON text of the schema
};

enum class ResponseFormat : std::uint8_t { kText, kJsonObject, kJsonSchema };

struct Request {
  std::string model;  ///< the route's name (or a target's), as the client asked
  std::vector<Message> messages;
  std::vector<ToolDefinition> tools;
  ResponseFormat response_format = ResponseFormat::kText;
  std::string response_schema;  ///< JSON text of the schema of kJsonSchema; empty if none was given
  bool stream = false;
  bool include_usage = false;  ///< the client asked for the usage chunk of a stream
  std::optional<std::uint32_t> max_output_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<std::int64_t> seed;
  std::optional<std::uint32_t> logprobs;  ///< asked for: the number of alternatives a token, often 0
  ContractPatch contract;                 ///< from the body field `thalamus`; headers are merged by the gateway
  std::string task_hint;                  ///< the caller's own label, from metadata; empty if none

  [[nodiscard]] bool has_images() const noexcept;
  /// The text of the last user message, parts joined by newlines; empty if there is none.
  [[nodiscard]] std::string last_user_text() const;
};

}  // namespace thalamus::core
