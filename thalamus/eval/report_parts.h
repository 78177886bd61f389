/// Sections of the page that report_html.h makes, each a piece of HTML.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {

/// `text` with the characters that mean something in HTML written out.
[[nodiscard]] std::string escaped(std::string_view text);
/// Short names for axes: the part behind the last slash.
[[nodiscard]] std::string short_name(std::string_view model);
/// A name that fits beside a figure: of a long one its end, behind an ellipsis.
[[nodiscard]] std::string fitting_name(std::string_view name);

/// Which methods get a colour: the reference first, then by the order given; the rest are grey.
struct Highlight {
  std::vector<std::size_t> methods;                                ///< indices, at most kColoursMax
  [[nodiscard]] int colour_of(std::size_t method) const noexcept;  ///< 0.. or -1
};
inline constexpr std::size_t kColoursMax = 7;
[[nodiscard]] Highlight highlight(const Evaluation& evaluation);

// Figures.
[[nodiscard]] std::string quality_figure(const Evaluation& evaluation, const Highlight& marks);
[[nodiscard]] std::string curve_figure(const Evaluation& evaluation, const Highlight& marks);
[[nodiscard]] std::string calibration_figure(const Evaluation& evaluation, const Highlight& marks);
[[nodiscard]] std::string latency_figure(const Evaluation& evaluation, const Highlight& marks);

// Tables.
[[nodiscard]] std::string methods_table(const Evaluation& evaluation);
[[nodiscard]] std::string baselines_table(const Evaluation& evaluation);
[[nodiscard]] std::string curves_table(const Evaluation& evaluation);
[[nodiscard]] std::string family_table(const Evaluation& evaluation);
[[nodiscard]] std::string tasks_table(const Evaluation& evaluation, const Highlight& marks);
[[nodiscard]] std::string robustness_table(const Evaluation& evaluation);

/// What the figures say, in sentences.
[[nodiscard]] std::string summary_words(const Evaluation& evaluation);

}  // namespace thalamus::eval
