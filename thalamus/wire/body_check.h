/// What is asked of every client's body before its protocol is looked at. Internal to this folder.
#pragma once

#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// kTooLarge past the limit; kInvalidInput on an empty body and on one that begins with a byte order mark.
[[nodiscard]] Status check_body(std::string_view body, const DecodeLimits& limits);

}  // namespace thalamus::wire
