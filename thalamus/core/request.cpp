#include "thalamus/core/request.h"

#include <algorithm>

namespace thalamus::core {

bool Request::has_images() const noexcept {
  return std::any_of(messages.begin(), messages.end(), [](const Message& message) {
    return std::any_of(message.parts.begin(), message.parts.end(),
                       [](const Part& part) { return part.kind == PartKind::kImage; });
  });
}

std::string Request::last_user_text() const {
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    if (message->role != Role::kUser) continue;
    std::string text;
    for (const Part& part : message->parts) {
      if (part.kind != PartKind::kText) continue;
      if (!text.empty()) text.push_back('\n');
      text += part.text;
    }
    return text;
  }
  return {};
}

}  // namespace thalamus::core
