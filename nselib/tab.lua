--- Text tables: cells in rows, printed in columns.
--
--     local t = tab.new()
--     tab.addrow(t, "name", "size")
--     tab.addrow(t, "index.html", "1274")
--     print(tab.dump(t))
--
-- A table is an array of rows; the row being filled is `t.current_row`. Cells are kept as they were
-- given and shown by `tostring`. Every column is as wide as its widest cell and two blanks follow
-- it, except the last cell of a row, which is not padded.

local math, select, setmetatable, string, table, tostring = math, select, setmetatable, string,
  table, tostring

local M = {}

-- row -> how many columns it has, which nil cells do not tell; beside the rows, because scripts give
-- whole tables as their structured result.
local columns = setmetatable({}, { __mode = "k" })

--- A new, empty table. `_cols` is accepted and not needed: columns come with the cells.
function M.new(_cols)
  return setmetatable({ current_row = 1 }, { __tostring = M.dump })
end

local function current(t)
  local row = t[t.current_row]
  if not row then
    row = {}
    t[t.current_row], columns[row] = row, 0
  end
  return row
end

--- Puts `value` into column `column` (from 1) of the current row.
function M.add(t, column, value)
  local row = current(t)
  row[column] = value
  columns[row] = math.max(columns[row], column)
end

--- Puts the values into the columns of the current row, from the first, and goes to the next row.
function M.addrow(t, ...)
  local row = current(t)
  for i = 1, select("#", ...) do
    row[i] = (select(i, ...))
  end
  columns[row] = math.max(columns[row], select("#", ...))
  M.nextrow(t)
end

--- Goes to the next row.
function M.nextrow(t)
  current(t)
  t.current_row = t.current_row + 1
end

local function cell_text(row, column)
  local value = row[column]
  return value == nil and "" or tostring(value)
end

local function widths(t)
  local result = {}
  for i = 1, #t do
    for column = 1, columns[t[i]] do
      result[column] = math.max(result[column] or 0, #cell_text(t[i], column))
    end
  end
  return result
end

--- The table as text, a newline after each row.
function M.dump(t)
  local width, lines = widths(t), {}
  for i = 1, #t do
    local cells = {}
    for column = 1, columns[t[i]] do
      local text = cell_text(t[i], column)
      if column < columns[t[i]] then
        text = text .. string.rep(" ", width[column] + 2 - #text)
      end
      cells[column] = text
    end
    lines[i] = table.concat(cells) .. "\n"
  end
  return table.concat(lines)
end

return M
