-- Whose rows the caller may touch: null is everybody's, an email that person's alone.
--
-- Inside a definer function current_user is the owner, so the role is read from the setting that
-- «set role» leaves, or is the session's user. Of a login's claims only those count that the
-- server sets: the email at the top, never user_metadata, which a user may edit.
create or replace function hubspot_sync.caller_email()
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role name := current_setting('role')::name;
  v_claims jsonb;
  v_email text;
begin
  if v_role = 'service_role' then
    return null;
  end if;
  if v_role = 'none' then
    v_role := session_user;
  end if;
  -- «usage», not «member»: a gateway that could become service_role has not done so.
  if pg_has_role(v_role, current_user, 'usage') or pg_has_role(v_role, 'service_role', 'usage') then
    return null;
  end if;

  begin
    v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  exception
    when invalid_text_representation or untranslatable_character
         or numeric_value_out_of_range or statement_too_complex then
      v_claims := null;
  end;
  v_email := nullif(lower(trim(v_claims ->> 'email')), '');
  -- «K», the Kelvin sign, becomes the letter k: no other letter may pass for one of ASCII.
  if v_email !~ '[^ -~]' and v_claims ->> 'email' ~ '[^ -~]' then
    v_email := null;
  end if;
  if v_email is null or v_claims ->> 'is_anonymous' = 'true' then
    raise exception 'this login is anonymous or has no email'
      using errcode = '42501', hint = 'Log in with an email address.';
  end if;
  if exists (select from hubspot_sync.admin_users a where a.email = v_email) then
    -- What an administrator does goes out before the rest.
    perform set_config('hubspot_sync.lane', 'urgent', true);
    return null;
  end if;
  return v_email;
end;
$$;

comment on function hubspot_sync.caller_email() is
  'The lower-cased email claim of a student, who may touch their own rows alone; null for '
  'service_role, the owner of the functions, and administrators (hubspot_sync.admin_users). '
  'Raises 42501 for a login without an email and for anonymous ones.';
revoke execute on function hubspot_sync.caller_email() from public, anon, authenticated;
