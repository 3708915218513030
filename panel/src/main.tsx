/** Where the panel begins: theme, language, session, pages. */
import "@mantine/core/styles.css";
import "./panel.css";
import { MantineProvider, localStorageColorSchemeManager } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/queries.ts";
import { isLoggedIn, onSessionChange } from "./api/session.ts";
import { I18nProvider } from "./i18n/i18n.tsx";
import { Login } from "./pages/login.tsx";
import { router } from "./router.tsx";
import { theme, variables } from "./theme.ts";

const schemes = localStorageColorSchemeManager({ key: "tandem.theme" });

function Door() {
  const inside = useSyncExternalStore(onSessionChange, isLoggedIn);
  return inside ? <RouterProvider router={router} /> : <Login />;
}

// What one person saw is not for the next.
onSessionChange(() => {
  if (!isLoggedIn()) queries.clear();
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" colorSchemeManager={schemes}>
      <QueryClientProvider client={queries}>
        <I18nProvider>
          <Door />
        </I18nProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
