/// The training report in sentences.
#pragma once

#include <string>

#include "thalamus/learn/train.h"

namespace thalamus::learn {

/// What the data support and what they do not. `models` is how many columns were trained on.
[[nodiscard]] std::string report_words(const TrainReport& report, std::size_t models);

}  // namespace thalamus::learn
