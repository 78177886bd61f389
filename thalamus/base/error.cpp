#include "thalamus/base/error.h"

#include <array>
#include <cstddef>

namespace thalamus::base {
namespace {

struct KindRow {
  int http_status;
  int exit_code;
  std::string_view label;
};

// In the order of ErrorKind.
constexpr std::array<KindRow, 16> kRows{{
    {400, kExitUsage, "invalid_input"},
    {401, kExitUsage, "unauthorized"},
    {403, kExitUsage, "forbidden"},
    {404, kExitUsage, "not_found"},
    {413, kExitUsage, "too_large"},
    {400, kExitUsage, "unsupported"},
    {409, kExitEnvironment, "conflict"},
    {429, kExitEnvironment, "limit_exceeded"},
    {422, kExitNo, "infeasible"},
    {504, kExitEnvironment, "timeout"},
    {503, kExitEnvironment, "unavailable"},
    {502, kExitEnvironment, "upstream"},
    {499, kExitEnvironment, "cancelled"},
    {500, kExitUsage, "corrupt"},
    {500, kExitEnvironment, "environment"},
    {500, kExitEnvironment, "internal"},
}};

const KindRow& row(ErrorKind kind) noexcept { return kRows[static_cast<std::size_t>(kind)]; }

}  // namespace

int http_status(ErrorKind kind) noexcept { return row(kind).http_status; }
int exit_code(ErrorKind kind) noexcept { return row(kind).exit_code; }
std::string_view label(ErrorKind kind) noexcept { return row(kind).label; }

std::string Error::text() const { return where.empty() ? message : where + ": " + message; }

}  // namespace thalamus::base
