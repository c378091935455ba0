-- Finds the contact a caller means and may see: by id, else by HubSpot id, else by student id and
-- email; a student who names nobody means themselves.
create or replace function hubspot_sync.find_contact(
  p_student_id text,
  p_email text,
  p_id uuid,
  p_hubspot_id text
)
  returns hubspot_sync.hubspot_contact_credits
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own text := hubspot_sync.caller_email();
  v_student_id text := nullif(trim(p_student_id), '');
  v_email text := coalesce(nullif(lower(trim(p_email)), ''), v_own);
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  perform hubspot_sync.require_short(p_student_id, p_email, p_hubspot_id);
  if p_id is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.id = p_id;
  elsif nullif(trim(p_hubspot_id), '') is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.hubspot_id = trim(p_hubspot_id);
  elsif v_student_id is not null and v_email is not null then
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.student_id = v_student_id
       and lower(c.email) = v_email
     order by c.created_at, c.id
     limit 1;
  elsif v_own is not null then
    begin
      select c.* into strict v_contact
        from hubspot_sync.hubspot_contact_credits c
       where lower(c.email) = v_own
         and v_email = v_own
         and (c.merged_into is null
              or not exists (select from hubspot_sync.hubspot_contact_credits k
                              where lower(k.email) = v_own and k.merged_into is null));
    exception
      when no_data_found then
        v_contact := null;
      when too_many_rows then
        raise exception 'several students have this email'
          using errcode = '22023', hint = 'Give p_student_id.';
    end;
  else
    raise exception 'a contact is looked up by p_id, p_hubspot_id, or p_student_id and p_email'
      using errcode = '22023', hint = 'A student id alone is not enough: give the email too.';
  end if;
  -- To a student others are not there, whether they are or not.
  if v_contact.id is null or lower(v_contact.email) <> v_own then
    raise exception 'no contact with %', coalesce(
      'id ' || p_id, 'HubSpot id ' || nullif(trim(p_hubspot_id), ''),
      'student id ' || v_student_id || ' and this email', 'this email')
      using errcode = 'MBCON',
            hint = 'Check the values; a student who has just paid may not be here yet.';
  end if;
  if v_contact.merged_into is not null then
    -- HubSpot made one of two; a second merge of the other is followed as well.
    with recursive kept as (
      select c.* from hubspot_sync.hubspot_contact_credits c where c.id = v_contact.merged_into
      union all
      select c.*
        from kept k
        join hubspot_sync.hubspot_contact_credits c on c.id = k.merged_into
    )
    select k.* into v_contact from kept k where k.merged_into is null;
  end if;
  return v_contact;
end;
$$;

comment on function hubspot_sync.find_contact(text, text, uuid, text) is
  'A contact by p_id, else p_hubspot_id, else p_student_id and p_email (case ignored; a '
  'student''s email is their claim''s). A student sees themselves alone, and may leave everything '
  'out. Raises 22023 when nothing is given whole, MBCON when no contact matches, 42501 for a '
  'login without an email.';
revoke execute on function hubspot_sync.find_contact(text, text, uuid, text)
  from public, anon, authenticated;
