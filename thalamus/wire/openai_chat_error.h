/// Parts of errors that answers, frames and other protocols need too. Internal to this folder.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/result.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// What OpenAI's protocols say about an error; `param` is empty where they say null.
struct OpenAiError {
  std::string message;
  std::string_view type;
  std::string param;
  std::string_view code;
};
[[nodiscard]] OpenAiError openai_error(const Error& error);
/// "message":..., "type":..., "param":..., "code":... as members of the object that is open.
void write_openai_error(base::JsonWriter& writer, const OpenAiError& error);

/// The text on one line, valid UTF-8, credentials masked, at most 500 bytes.
[[nodiscard]] std::string presentable(std::string_view text);

/// Passes the value of a member `error` and takes its human part, presentable; the value itself where there is none.
/// False where the JSON is malformed.
[[nodiscard]] bool read_error_member(JsonCursor& cursor, std::string& message);

/// The human part of an error body of whatever shape, presentable; never empty.
[[nodiscard]] std::string read_error_body(std::string_view body);

/// Whether the place is one that the client can see: its own body or headers.
[[nodiscard]] bool is_clients_place(std::string_view where) noexcept;

}  // namespace thalamus::wire
