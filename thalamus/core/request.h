/// A chat request, free of any provider's protocol. `wire` makes it from bytes; it owns those bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/contract.h"

namespace thalamus::core {

enum class Role : std::uint8_t { kSystem, kUser, kAssistant, kTool };

enum class PartKind : std::uint8_t { kText, kImage, kAudio, kFile, kRefusal, kOther, kReasoning };

/// What a part has beside its text. Views are borrowed from the body that the request was decoded from.
struct PartDetail {
  std::string place;       ///< in the body: "messages[2].content[0]"
  std::string url;         ///< of an image, a recording or a file; empty where data or an identifier stands instead
  std::string media_type;  ///< "image/png"; empty if unknown
  std::string_view data;   ///< base64, as spelt between the quotes of the JSON text it lies in, escapes and all
  std::string file_id;
  std::string file_name;
  std::string fidelity;   ///< of an image: "low", "high", "auto" or empty
  std::string id;         ///< of reasoning: the provider's name of it
  std::string signature;  ///< of reasoning: proves to its provider that it is unchanged
  std::string encrypted;  ///< of reasoning: readable to its provider only
};

struct Part {
  PartKind kind = PartKind::kText;
  std::string text;  ///< decoded text; for images and files the URL or media type, never the data
  std::shared_ptr<const PartDetail> detail = nullptr;
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
  bool tool_failed = false;  ///< of a tool's result: the call did not succeed
};

struct ToolDefinition {
  std::string name;
  std::string description;
  std::string parameters;   ///< JSON text of the schema
  bool strict = false;      ///< arguments must fit the schema
  std::string hosted = {};  ///< JSON text of a tool that the provider itself runs; only its own protocol can carry it
};

enum class ToolChoice : std::uint8_t { kAuto, kNone, kRequired, kNamed };

enum class ResponseFormat : std::uint8_t { kText, kJsonObject, kJsonSchema };

struct Request {
  std::string model;  ///< the route's name (or a target's), as the client asked
  std::vector<Message> messages;
  std::vector<ToolDefinition> tools;
  ResponseFormat response_format = ResponseFormat::kText;
  std::string response_schema;  ///< JSON text of the schema of kJsonSchema; empty if none was given
  std::string response_name;    ///< of that schema
  bool response_strict = false;
  std::optional<ToolChoice> tool_choice;
  std::string tool_choice_name;            ///< of kNamed
  std::vector<std::string> allowed_tools;  ///< names; where there are any, no other tool may be called
  std::optional<bool> parallel_tool_calls;
  std::string reasoning_effort;                   ///< "low", "medium", "high" or the provider's own word; empty
  std::optional<std::uint32_t> reasoning_tokens;  ///< budget of thinking; 0: none
  bool shows_thoughts = true;                     ///< false: the client's protocol gives thoughts only where asked
  std::string user;                               ///< the caller's name of its end user
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
  std::vector<std::string> unread;        ///< members of the body that no field here holds: "logit_bias"

  [[nodiscard]] bool has_images() const noexcept;
  /// The text of the last user message, parts joined by newlines; empty if there is none.
  [[nodiscard]] std::string last_user_text() const;
};

}  // namespace thalamus::core
