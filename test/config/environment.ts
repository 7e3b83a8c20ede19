/** What `${NAME}` stands for in the golden cases; `UNSET` is none of them. */
export const environment = { GPU_KEY: 'key-of-the-gpu', SITE_TITLE: 'Shop of the test', EMPTY: '' }
