--- Delimiters for `socket:receive_buf`: functions that say where in the buffer a message ends.

local string = string

local M = {}

--- Waits for exactly `n` bytes. `receive_buf(match.numbytes(8), true)` gives the next eight bytes.
function M.numbytes(n)
  n = n or 1
  return function(buffer)
    if #buffer >= n then
      return n, n
    end
  end
end

--- Reads the next `n` bytes of a socket, as receive_buf gives them. Lengths that a server tells may
-- be 0, and an empty match, as numbytes(0) gives it, is an error in receive_buf.
function M.read(socket, n)
  if n == 0 then
    return true, ""
  end
  return socket:receive_buf(M.numbytes(n), true)
end

--- Waits for a match of the Lua pattern `pattern`, but for no more than `within` bytes: a peer that
-- never ends its line must not fill memory. When as many bytes came without a match, they are taken
-- as the message.
function M.pattern_limit(pattern, within)
  return function(buffer)
    local first, last = string.find(buffer, pattern)
    if not first and #buffer >= within then
      return within, within
    end
    return first, last
  end
end

return M
