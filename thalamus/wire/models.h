/// The list of models as OpenAI's clients read it (GET /v1/models).
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace thalamus::wire {

struct ModelEntry {
  std::string name;
  std::int64_t created_unix_s = 0;
  std::string owner;
};

[[nodiscard]] std::string encode_models(std::span<const ModelEntry> models);
[[nodiscard]] std::string encode_model(const ModelEntry& model);

}  // namespace thalamus::wire
