#include "runtime/aws/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace moult::aws {
namespace {

struct CurlFree {
  void operator()(CURL* curl) const { ::curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlFree>;
using HeaderLines = std::unique_ptr<curl_slist, CurlFree>;

/// Libcurl takes less than what it offered for the wish to end.
std::size_t keep_body(const char* data, std::size_t, std::size_t size, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size > kMaxBodyBytes) return 0;
  body.append(data, size);
  return size;
}

int ends_early(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

bool add_line(HeaderLines& lines, const std::string& line) {
  curl_slist* longer = ::curl_slist_append(lines.get(), line.c_str());
  if (longer == nullptr) return false;
  std::ignore = lines.release();  // it is the front of the longer one
  lines.reset(longer);
  return true;
}

template <typename... Value>
bool set(const Curl& curl, CURLoption option, Value... value) {
  return ::curl_easy_setopt(curl.get(), option, value...) == CURLE_OK;
}

bool prepare(const Curl& curl, const HttpRequest& request, const HeaderLines& lines,
             const std::stop_token& stop, std::string& body) {
  const auto timeout = static_cast<long>(request.timeout.count());
  const bool put = request.method == HttpRequest::Method::kPut;
  return set(curl, CURLOPT_URL, request.url.c_str()) &&
         set(curl, CURLOPT_PROTOCOLS_STR, "http,https") && set(curl, CURLOPT_PROXY, "") &&
         set(curl, CURLOPT_CUSTOMREQUEST, put ? "PUT" : "GET") &&
         set(curl, CURLOPT_HTTPHEADER, lines.get()) && set(curl, CURLOPT_TIMEOUT_MS, timeout) &&
         set(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout / 2) &&
         // A lookup that does not end is left behind, not waited for.
         set(curl, CURLOPT_QUICK_EXIT, 1L) &&
         // Its timeouts by a signal would be another thread's business.
         set(curl, CURLOPT_NOSIGNAL, 1L) && set(curl, CURLOPT_WRITEFUNCTION, keep_body) &&
         set(curl, CURLOPT_WRITEDATA, &body) && set(curl, CURLOPT_NOPROGRESS, 0L) &&
         set(curl, CURLOPT_XFERINFOFUNCTION, ends_early) && set(curl, CURLOPT_XFERINFODATA, &stop);
}

}  // namespace

Result<HttpResponse> fetch(const HttpRequest& request, const std::stop_token& stop) {
  const std::string place = request.url.substr(0, request.url.find('?'));
  const Curl curl(::curl_easy_init());
  HeaderLines lines;
  for (const auto& [name, value] : request.headers) {
    if (!add_line(lines, fmt::format("{}: {}", name, value))) return failure("out of memory");
  }
  HttpResponse response;
  if (!curl || !prepare(curl, request, lines, stop, response.body)) {
    return failure(fmt::format("{}: libcurl refuses this URL", place));
  }
  const CURLcode code = ::curl_easy_perform(curl.get());
  if (code == CURLE_WRITE_ERROR) {
    return failure(fmt::format("{}: the answer has more than {} bytes", place, kMaxBodyBytes));
  }
  if (code != CURLE_OK) return failure(fmt::format("{}: {}", place, ::curl_easy_strerror(code)));
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &response.status);
  return response;
}

}  // namespace moult::aws
