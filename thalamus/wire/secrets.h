/// Keys must not leave through error messages: providers like to quote the key that they refuse.
#pragma once

#include <string>
#include <string_view>

namespace thalamus::wire {

/// The text with everything that looks like a credential replaced by "***": tokens with a provider's key prefix
/// ("sk-***"), what follows "Bearer", and what follows "key" with a colon or an equals sign.
[[nodiscard]] std::string mask_secrets(std::string_view text);

}  // namespace thalamus::wire
