/// What callers need of Anthropic's protocol besides the Format: the list of models and the counting of tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "thalamus/wire/format.h"
#include "thalamus/wire/models.h"

namespace thalamus::wire {

/// GET /v1/models and /v1/models/{id} as Anthropic's clients read them.
[[nodiscard]] std::string encode_anthropic_models(std::span<const ModelEntry> models, bool has_more = false);
[[nodiscard]] std::string encode_anthropic_model(const ModelEntry& model);

/// The body of /v1/messages/count_tokens: a request that need not say how long the answer may be. Errors as `decode`'s.
[[nodiscard]] Result<core::Request> decode_count_tokens(std::string_view body, const DecodeLimits& limits);
/// {"input_tokens":N}
[[nodiscard]] std::string encode_count_tokens(std::uint64_t input_tokens);

}  // namespace thalamus::wire
