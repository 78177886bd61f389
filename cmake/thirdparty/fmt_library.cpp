// The compiled half of {fmt} 9, which Debian ships as a shared library only: all functions that its headers declare and
// leave to the library, and the templates that they promise to exist elsewhere. Left out: fmt/os.h (file wrappers),
// which nothing of ours uses.

#include <fmt/format-inl.h>

namespace fmt {
inline namespace v9 {
namespace detail {

// Shortest decimal digits of a binary floating-point number.
template dragonbox::decimal_fp<float> dragonbox::to_decimal(float) noexcept;
template dragonbox::decimal_fp<double> dragonbox::to_decimal(double) noexcept;

// Digit grouping and decimal point of a locale, for both character types.
template thousands_sep_result<char> thousands_sep_impl(locale_ref);
template thousands_sep_result<wchar_t> thousands_sep_impl(locale_ref);
template char decimal_point_impl(locale_ref);
template wchar_t decimal_point_impl(locale_ref);
template locale_ref::locale_ref(const std::locale&);
template std::locale locale_ref::get<std::locale>() const;

// The two templates that fmt/core.h declares and uses without a body.
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);

}  // namespace detail
}  // namespace v9
}  // namespace fmt
