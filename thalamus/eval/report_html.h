/// An evaluation as one self-contained page: inline styles and SVG, no script, no reference to anything outside.
#pragma once

#include <string>

#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {

[[nodiscard]] std::string to_html(const Evaluation& evaluation);

}  // namespace thalamus::eval
