/// Parts of reading errors that answers and frames need too. Internal to this folder.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// The text on one line, valid UTF-8, credentials masked, at most 500 bytes.
[[nodiscard]] std::string presentable(std::string_view text);

/// Passes the value of a member `error` and takes its human part, presentable; the value itself where there is none.
/// False where the JSON is malformed.
[[nodiscard]] bool read_error_member(JsonCursor& cursor, std::string& message);

}  // namespace thalamus::wire
