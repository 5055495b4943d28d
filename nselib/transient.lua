--- Takes out of what a server says whatever it draws anew for each client, so that two answers of
-- the same server are the same.
--
--     transient.blank("https://sso.example/?client=x&state=8f2b")   -- "...?client=x&state=..."

local ipairs, string = ipairs, string

local M = {}

-- Parameters of addresses that lead to a login: OAuth 2 (RFC 6749, 7636), OpenID Connect, SAML 2,
-- sessions.
local parameters = {}
for _, name in ipairs({
  "state", "nonce", "code", "code_challenge", "login_challenge", "samlrequest", "relaystate",
  "signature", "session", "session_id", "sessionid", "session_code", "session_state", "sid",
  "phpsessid", "execution", "tab_id",
}) do
  parameters[name] = true
end

--- `text` (an address, the value of a header) with "..." in place of session numbers in paths,
-- values of parameters that are drawn at random, and the nonces of a Content-Security-Policy.
function M.blank(text)
  text = string.gsub(text, "(;[Jj][Ss][Ee][Ss][Ss][Ii][Oo][Nn][Ii][Dd]=)[^?#/;&%s]*", "%1...")
  text = string.gsub(text, "([?&#;]([%w_-]+)=)([^&#;%s\"'<>]*)", function(head, name)
    return parameters[string.lower(name)] and head .. "..." or nil
  end)
  return (string.gsub(text, "('nonce%-)[^']*'", "%1...'"))
end

return M
