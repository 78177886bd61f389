/// Log-probabilities of tokens as both of OpenAI's protocols spell them. Internal to this folder.
#pragma once

#include "thalamus/base/json_writer.h"
#include "thalamus/core/answer.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// {"token":...,"logprob":...,"bytes":[...],"top_logprobs":[...]}
void write_logprob(base::JsonWriter& writer, const core::TokenLogprob& logprob);
/// False only where the JSON is malformed.
[[nodiscard]] bool take_logprob(JsonCursor& cursor, core::TokenLogprob& out);

}  // namespace thalamus::wire
