-- RabbitMQ 3.10 with its management plugin, asked by http-app-info
return {
  key = "tcp:15672",
  {
    { 122,
      "HTTP/1.1 400 Bad Request\13\10connection: close\13\10content-length: 0\13\10\13\10" },
  },
  {
    { 124,
      "HTTP/1.1 200 OK\13\10connection: close\13\10content-length: 2884\13\10content-security-p"
      .. "olicy: script-src 'self' 'unsafe-eval' 'unsafe-inline'; object-src 'self'\13\10content-t"
      .. "ype: text/html\13\10date: Mon, 30 Nov 2026 11:14:44 GMT\13\10etag: \"2226443727\"\13\10l"
      .. "ast-modified: Mon, 27 Nov 2023 07:25:34 GMT\13\10server: Cowboy\13\10vary: origin\13\10"
      .. "\13\10<!DOCTYPE html>\10<html>\10  <head>\10    <meta http-equiv=\"X-UA-Compatible\" con"
      .. "tent=\"IE=edge\" />\10    <meta http-equiv=\"Content-Type\" content=\"text/html; charset"
      .. "=utf-8\" />\10    <title>RabbitMQ Management</title>\10    <script src=\"js/ejs-1.0.min."
      .. "js\" type=\"text/javascript\"></script>\10    <script src=\"js/jquery-3.5.1.min.js\"></s"
      .. "cript>\10    <script src=\"js/jquery.flot-0.8.1.min.js\" type=\"text/javascript\"></scri"
      .. "pt>\10    <script src=\"js/jquery.flot-0.8.1.time.min.js\" type=\"text/javascript\"></sc"
      .. "ript>\10    <script src=\"js/sammy-0.7.6.min.js\" type=\"text/javascript\"></script>\10 "
      .. "   <script src=\"js/json2-2016.10.28.js\" type=\"text/javascript\"></script>\10    <scri"
      .. "pt src=\"js/base64.js\" type=\"text/javascript\"></script>\10    <script src=\"js/global"
      .. ".js\" type=\"text/javascript\"></script>\10    <script src=\"js/main.js\" type=\"text/ja"
      .. "vascript\"></script>\10    <script src=\"js/prefs.js\" type=\"text/javascript\"></script"
      .. ">\10    <script src=\"js/formatters.js\" type=\"text/javascript\"></script>\10    <scrip"
      .. "t src=\"js/charts.js\" type=\"text/javascript\"></script>\10    <script src=\"js/singula"
      .. "r/singular.js\" type=\"application/javascript\"></script>\10    \10    <link href=\"css/"
      .. "main.css\" rel=\"stylesheet\" type=\"text/css\"/>\10    <link href=\"favicon.ico\" rel="
      .. "\"shortcut icon\" type=\"image/x-icon\"/>\10    \10    <script type=\"application/javasc"
      .. "ript\">\10      var uaa_logged_in = false;\10      var uaa_invalid = false;\10      var "
      .. "auth = JSON.parse(sync_get('/auth'));\10      enable_uaa = auth.enable_uaa;\10      uaa_"
      .. "client_id = auth.uaa_client_id;\10      uaa_location = auth.uaa_location;\10      if (en"
      .. "able_uaa) {\10        Singular.init({\10         singularLocation: './js/singular/',\10 "
      .. "        uaaLocation: uaa_location,\10         clientId: uaa_client_id,\10         onIden"
      .. "tityChange: function (identity) {\10          uaa_logged_in = true;\10          start_ap"
      .. "p_login();\10         },\10         onLogout: function () {\10          uaa_logged_in = "
      .. "false;\10          var hash = window.location.hash.substring(1);\10          var params "
      .. "= {}\10          hash.split('&').map(hk => {\10           let temp = hk.split('=');\10  "
      .. "         params[temp[0]] = temp[1]\10          });\10          if (params.error) {\10   "
      .. "        uaa_invalid = true;\10           replace_content('login-status', '<p class=\"war"
      .. "ning\">' + decodeURIComponent(params.error) + ':' + decodeURIComponent(params.error_desc"
      .. "ription) + '</p> <button id=\"loginWindow\" onclick=\"uaa_login_window()\">Click here to"
      .. " log out</button>');\10          } else {\10           replace_content('login-status', '"
      .. "<button id=\"loginWindow\" onclick=\"uaa_login_window()\">Click here to log in</button>'"
      .. ");\10          }\10         }\10      });\10      }\10    </script>\10\10<!--[if lte IE "
      .. "8]>\10    <script src=\"js/excanvas.min.js\" type=\"text/javascript\"></script>\10    <l"
      .. "ink href=\"css/evil.css\" rel=\"stylesheet\" type=\"text/css\"/>\10<![endif]-->\10  </he"
      .. "ad>\10\10  <body>\10    <div id=\"outer\"></div>\10    <div id=\"debug\"></div>\10    <d"
      .. "iv id=\"scratch\"></div>\10  </body>\10</html>\10" },
  },
}
