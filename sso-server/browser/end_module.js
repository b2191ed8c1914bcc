export const { check, login, logout, onChange, explain } = passport;
export default passport;
