// The registered instance of OpenAI's chat completions.
#include "thalamus/wire/openai_chat_format.h"

namespace thalamus::wire {

const Format& openai_chat_format() noexcept;

const Format& openai_chat_format() noexcept {
  static const OpenAiChat format;
  return format;
}

}  // namespace thalamus::wire
