begin;
select plan(48);

create function pg_temp.read(p_typed text) returns text language plpgsql as $$
begin
  return hubspot_sync.readable_time(p_typed);
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.read(t.typed), t.means::time::text,
          format('%L is %s', t.typed, coalesce(t.means, 'no time of day')))
  from (values
    ('09:00', '09:00'), ('9:00', '09:00'), ('  9:30  ', '09:30'), ('09:00:15', '09:00:15'),
    ('00:00', '00:00'), ('23:59:59', '23:59:59'), ('2:00 PM', '14:00'), ('2:00pm', '14:00'),
    ('02:00 Pm', '14:00'), ('12:00 AM', '00:00'), ('12:00 PM', '12:00'), ('11:59:59 pM',
       '23:59:59'),
    (E'\t9:00\n', '09:00'), ('2:00   PM', '14:00'),
    (null, null), ('', null), ('  ', null), ('9', null), ('9 AM', null), ('24:00', null),
    ('23:60', null), ('23:59:60', null), ('-1:00', null), ('0:30 AM', null), ('13:00 PM', null),
    ('009:00', null), ('9:0', null), ('9.00', null), ('09:00 UTC', null), ('09:00+02', null),
    ('09:00 AMPM', null), ('09:00 A.M.', null), ('now', null), ('allballs', null),
    ('noon', null), ('2030-02-01 09:00', null), ('09:00; drop table x', null),
    ('''09:00''', null), ('%', null), ('$$', null), ('\', null),
    (U&'\0660\0669:\0660\0660', null), (U&'\FF10\FF19:00', null),
    -- Blanks that Postgres's type time does not know.
    (U&'09:00\2003PM', null), (U&'09:00\3000', null), (U&'09:00\202FAM', null)
  ) as t (typed, means);
select is(hubspot_sync.readable_time(repeat('1', 10000000)), null,
          'ten million digits are no time of day');
select is(hubspot_sync.readable_time(repeat(' ', 1000000) || '9:00'), '09:00'::time,
          'a million blanks around do not matter');

select * from finish();
rollback;
