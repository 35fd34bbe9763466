import { CloakroomProvider } from '@cloakroom/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.js';
import { auth } from './auth.js';

createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <CloakroomProvider auth={auth}>
      <App />
    </CloakroomProvider>
  </StrictMode>,
);
