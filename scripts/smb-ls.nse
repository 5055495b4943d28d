description = [[
Shows the files in the first directory of the shares that a host lets anyone read over SMB 2 or 3, or the
account that is given: those that smb-enum-shares found, or the one that is named.
]]
---
-- @args smbusername, smbpassword, smbhash, smbdomain  The account that is tried where nobody and guest
--       may not read.
-- @args smb-ls.share  The share; without it those that smb-enum-shares found, when it runs as well.
-- @args smb-ls.path  The directory of the share ("\").
-- @args ls.maxfiles  How many files are shown (10; 0 for all).
--
-- @output
-- | smb-ls: Volume \\192.0.2.1\public
-- | SIZE   TIME                 FILENAME
-- | <DIR>  2026-11-28T23:55:48  .
-- | 6      2026-01-02T03:04:05  readme.txt
-- |_

author = "Muster"
license = "Apache-2.0"
categories = { "discovery", "safe" }

identity = {}
volatile = { "size", "time", "bytes" }
finding = { anyone = "medium" } -- the shares that are read without an account

local datetime = require "datetime"
local ls = require "ls"
local smb = require "smb"
local stdnse = require "stdnse"
local stringaux = require "stringaux"
local v2 = require "smb.v2"

dependencies = { "smb-enum-shares" }

function hostrule(host)
  return smb.get_port(host) ~= nil
end

-- When it was made: of its times the one that nmap shows.
local function time_of(file)
  return datetime.format_timestamp(file.created // 10000000 - 11644473600)
end

local function add_files(output, title, files)
  table.sort(files, function(a, b)
    return a.name < b.name
  end)
  ls.new_vol(output, title, false)
  for _, file in ipairs(files) do
    if not ls.add_file(output, { file.is_directory and "<DIR>" or tostring(file.size), time_of(file),
      file.name }) then
      break
    end
  end
  ls.end_vol(output)
end

-- As nobody, else as guest, else as the account of the arguments: files, whether anyone may.
local function list(host, share, path)
  local accounts = v2.accounts()
  -- what is open to all shall show as such
  if not v2.is_open(accounts[1]) then
    table.insert(accounts, table.remove(accounts, 1))
  end
  for _, account in ipairs(accounts) do
    local session, reason = v2.open(host, account)
    local tree, files
    if session then
      tree, reason = v2.tree_connect(session, share)
      if tree and tree.kind == 1 then
        files, reason = v2.list(session, tree, path)
      end
      v2.close(session)
    end
    if files then
      return files, v2.is_open(account) or session.guest
    end
    stdnse.debug1("%s: %s", share, tostring(reason))
  end
end

function action(host)
  local share, path = stdnse.get_script_args(SCRIPT_NAME .. ".share", SCRIPT_NAME .. ".path")
  path = stringaux.trim_end((path or ""):gsub("/", "\\"):gsub("^\\+", ""), "\\")
  local output, anyone = ls.new_listing(), {}
  for i, name in ipairs(share and { share } or host.registry.smb_shares_readable or {}) do
    local files, open
    if i <= 64 then
      files, open = list(host, name, path)
    end
    if files then
      local title = share or smb.get_fqpn(host, name)
      add_files(output, path == "" and title or title .. "\\" .. path, files)
      anyone[#anyone + 1] = open and title or nil
    end
  end
  output.anyone = #anyone > 0 and anyone or nil
  return ls.end_listing(output)
end
