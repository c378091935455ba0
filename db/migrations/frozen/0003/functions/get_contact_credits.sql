-- Finds a contact and its balances: by id, else by HubSpot id, else by student id and email.
create or replace function api.get_contact_credits(
  p_student_id text default null,
  p_email text default null,
  p_id uuid default null,
  p_hubspot_id text default null
)
  returns api.contact_credits
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
  v_credits api.contact_credits;
begin
  if p_id is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.id = p_id;
  elsif nullif(trim(p_hubspot_id), '') is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.hubspot_id = trim(p_hubspot_id);
  elsif nullif(trim(p_student_id), '') is not null and nullif(trim(p_email), '') is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.student_id = trim(p_student_id)
       and lower(c.email) = lower(trim(p_email))
     order by c.created_at, c.id
     limit 1;
  else
    raise exception 'a contact is looked up by p_id, p_hubspot_id, or p_student_id and p_email'
      using errcode = '22023', hint = 'A student id alone is not enough: give the email too.';
  end if;
  if v_contact.id is null then
    raise exception 'no contact with %', coalesce(
      'id ' || p_id, 'HubSpot id ' || nullif(trim(p_hubspot_id), ''),
      'student id ' || p_student_id || ' and this email')
      using errcode = 'MBCON',
            hint = 'Check the values; a student who has just paid may not be here yet.';
  end if;

  v_credits.id := v_contact.id;
  v_credits.hubspot_id := v_contact.hubspot_id;
  v_credits.student_id := v_contact.student_id;
  v_credits.email := v_contact.email;
  v_credits.firstname := v_contact.firstname;
  v_credits.lastname := v_contact.lastname;
  v_credits.sj_credits := v_contact.sj_credits;
  v_credits.cs_credits := v_contact.cs_credits;
  v_credits.sjmini_credits := v_contact.sjmini_credits;
  v_credits.mock_discussion_token := v_contact.mock_discussion_token;
  v_credits.shared_mock_credits := v_contact.shared_mock_credits;
  return v_credits;
end;
$$;

comment on function api.get_contact_credits(text, text, uuid, text) is
  'A contact and its balances, by p_id, else p_hubspot_id, else p_student_id and p_email (case '
  'ignored). Raises 22023 when none of these is given whole, MBCON when no contact matches.';
revoke execute on function api.get_contact_credits(text, text, uuid, text)
  from public, anon, authenticated;
grant execute on function api.get_contact_credits(text, text, uuid, text) to service_role;
