/// Labels of the quality-gap router Hybrid-LLM.
#pragma once

#include <span>

namespace thalamus::route {

/// P(small is good enough) for each gap = q(small) - q(large) under relaxation t: sigmoid((gap + t) / width).
[[nodiscard]] double gap_label(double gap, double relaxation, double width) noexcept;

/// The relaxation t in [0, 1] whose labels differ most between rows: argmax of their mean pairwise difference. The
/// smallest on ties.
[[nodiscard]] double choose_relaxation(std::span<const double> gaps, double width);

}  // namespace thalamus::route
