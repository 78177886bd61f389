#include "thalamus/gateway/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace thalamus::gateway {
namespace {

/// What the child does between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* arguments, pid_t parent, int nice, int log, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setpriority(PRIO_PROCESS, 0, nice);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments);
  const int code = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &code, sizeof code);
  ::_exit(127);
}

std::string describe_end(int status, const ChildSpec& spec) {
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {} ({}); see {}", WTERMSIG(status), ::strsignal(WTERMSIG(status)),
                       spec.log_file.string());
  return fmt::format("ended with exit code {}; see {}", WEXITSTATUS(status), spec.log_file.string());
}

}  // namespace

bool same_process(const ChildSpec& a, const ChildSpec& b) noexcept {
  return a.name == b.name && a.command == b.command && a.endpoint == b.endpoint && a.health_path == b.health_path &&
         a.log_file == b.log_file && a.nice == b.nice && a.content == b.content;
}

bool same_address(const ChildSpec& a, const ChildSpec& b) noexcept {
  if (a.endpoint.unix_socket != b.endpoint.unix_socket) return false;
  // Names of hosts say little: a server may listen on all addresses of this machine.
  return a.endpoint.unix_socket ? a.endpoint.host == b.endpoint.host : a.endpoint.port == b.endpoint.port;
}

Result<int> start_process(const ChildSpec& spec) {
  const int log = ::open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    return fail_at(spec.log_file.string(), ErrorKind::kEnvironment, "cannot open the log of {}: {}", spec.name,
                   std::strerror(errno));
  std::vector<char*> arguments;
  arguments.reserve(spec.command.size() + 1);
  for (const auto& word : spec.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    const int code = errno;
    ::close(log);
    return fail(ErrorKind::kEnvironment, "cannot make a pipe: {}", std::strerror(code));
  }
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(arguments.data(), parent, spec.nice, log, report[1]);
  const int fork_error = errno;
  ::close(log);
  ::close(report[1]);
  int exec_error = 0;
  ssize_t got = 0;
  do {
    got = child > 0 ? ::read(report[0], &exec_error, sizeof exec_error) : 0;
  } while (got < 0 && errno == EINTR);
  ::close(report[0]);
  if (child < 0) return fail(ErrorKind::kEnvironment, "cannot start {}: {}", spec.name, std::strerror(fork_error));
  if (got > 0) {
    ::waitpid(child, nullptr, 0);
    return fail(ErrorKind::kEnvironment, "cannot start '{}' for {}: {}", spec.command[0], spec.name,
                std::strerror(exec_error));
  }
  return child;
}

std::optional<std::string> reap_process(int process, const ChildSpec& spec) {
  siginfo_t info{};
  // It is looked at first and reaped last: until then its id, which is its group's, cannot be given to another.
  const int looked = ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked == 0 && info.si_pid == 0) return std::nullopt;
  if (looked != 0 && errno == EINTR) return std::nullopt;
  if (looked != 0) return fmt::format("is gone; see {}", spec.log_file.string());
  ::kill(-process, SIGKILL);
  int status = 0;
  ::waitpid(process, &status, 0);
  return describe_end(status, spec);
}

void end_process(int process, Ending ending) noexcept {
  ::kill(-process, ending == Ending::kAsked ? SIGTERM : SIGKILL);
}

void kill_process(int process) noexcept {
  ::kill(-process, SIGKILL);
  while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace thalamus::gateway
