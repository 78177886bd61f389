/// Keys must not leave through error messages: providers like to quote the key that they refuse.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace thalamus::wire {

/// The text with everything that looks like a credential replaced by "***": tokens with a provider's key prefix
/// ("sk-***"), what follows "Bearer", and what follows "key" with a colon or an equals sign.
[[nodiscard]] std::string mask_secrets(std::string_view text);

/// The text with these very values replaced by "***", and the beginning of one (8 bytes at least) at its end, where a
/// bound cut it off. Empty values are passed over.
[[nodiscard]] std::string mask_values(std::string text, std::span<const std::string> values);

}  // namespace thalamus::wire
